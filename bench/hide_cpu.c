/* Hide instructions of this CPU from a process, so that runtimes choose the kernels of an older one.
 *
 *     cc -O1 -shared -fPIC -o hide_cpu.so hide_cpu.c
 *     EDGEWBC_HIDE_CPU=4 LD_PRELOAD=./hide_cpu.so python ...
 *
 * Linux on x86-64, on a CPU that can trap CPUID ("cpuid_fault" in /proc/cpuinfo). Levels, each with all that the ones
 * before hide: 1 no AMX, 2 no VNNI but AVX-512, 3 no AVX-512 but AVX-VNNI, 4 AVX2 alone, 5 SSE4.2 alone.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (UINT32_C(1) << (n))

static int level;

static void answer(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *code = (const uint8_t *)registers[REG_RIP];
  (void)info;
  if (code[0] != 0x0f || code[1] != 0xa2) { /* not CPUID: a real fault, which happens again */
    signal(number, SIG_DFL);
    return;
  }
  uint32_t leaf = registers[REG_RAX], sub = registers[REG_RCX], a, b, c, d;
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
  __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(sub));
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
  if (leaf == 1 && level >= 5) c &= ~(BIT(12) | BIT(28) | BIT(29)); /* FMA, AVX, F16C */
  if (leaf == 7 && sub == 0) {
    d &= ~(BIT(22) | BIT(23) | BIT(24) | BIT(25)); /* AMX, AVX512-FP16 */
    if (level == 2 || level >= 4) c &= ~BIT(11);   /* AVX512-VNNI */
    if (level >= 3) {                              /* AVX-512 */
      b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
      c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
      d &= ~(BIT(2) | BIT(3) | BIT(8));
    }
    if (level >= 5) b &= ~(BIT(3) | BIT(5) | BIT(8)); /* AVX2, BMI */
  }
  if (leaf == 7 && sub == 1) {
    a &= ~(BIT(5) | BIT(21));            /* bfloat16, AMX-FP16 */
    d &= ~(BIT(4) | BIT(10) | BIT(19)); /* AVX-VNNI-INT8 and -INT16, AVX10 */
    if (level != 3) a &= ~(BIT(4) | BIT(23)); /* AVX-VNNI, AVX-IFMA */
  }
  if (leaf == 0x24) a = b = c = d = 0; /* AVX10 */
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
  const char *text = getenv("EDGEWBC_HIDE_CPU");
  level = text ? atoi(text) : 0;
  if (level <= 0) return;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = answer;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, 0);
  if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0)) perror("hide_cpu");
}
