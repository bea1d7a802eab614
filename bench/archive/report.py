"""The results of the study of archives as lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(results: Mapping[str, Any]) -> str:
    """Return a line for each figure."""
    speed, killed = results["throughput"], results["kills"]
    lines = [
        f"throughput on {speed['cores']} cores, {speed['images']} images: plain {speed['pc']['images_per_s']:.0f}/s, "
        f"Ray {speed['ray']['images_per_s']:.0f}/s, ratio {speed['ratio']:.3f}; "
        f"Ray takes {speed['extra_startup_s']:.1f} s more to start and stop",
        f"--engine processes {speed['processes']['images_per_s']:.0f}/s, ratio {speed['processes_ratio']:.3f}; "
        f"{speed['processes_extra_startup_s']:.1f} s more to start and stop",
        f"results files are {'the same bytes' if speed['same_bytes'] else 'NOT THE SAME'}",
    ]
    for part, engine in (("memory", "Ray"), ("memory_of_processes", "--engine processes")):
        for each in results[part]:
            peak = ", ".join(f"{kind} {value:.0f} MB" for kind, value in each["peak_pss_mb"].items())
            lines.append(f"memory of {engine} with {each['images']} images: {peak}")
    lines.append(
        f"kills: {killed['driver_kills']} of the driver, {killed['worker_kills']} of a worker; {killed['rows']} rows "
        f"of {killed['images']} images, {killed['classified_twice']} classified twice, "
        f"{'the same bytes' if killed['same_bytes'] else 'NOT THE SAME'} as plain"
    )
    for each in results["audit"]:
        if each["kind"] == "hashes":
            found = ", ".join(f"{share:.4f} at {bits} bits" for bits, share in each["recall_by_bits"].items())
            lines.append(
                f"audit of {each['n']} hashes: {each['compare_cpu_s']:.1f} CPU s, {each['peak_mb']:.0f} MB; {found}"
            )
        else:
            lines.append(
                f"audit of {each['n']} {each['kind']}: read {each['read_cpu_s']:.1f}, hashing "
                f"{each['hashing_cpu_s']:.1f}, exact {each['exact_cpu_s']:.1f} CPU s, {each['peak_mb']:.0f} MB; "
                f"{each['near_pairs']} near pairs, recall {each['recall']}"
            )
    return "\n".join(lines)
