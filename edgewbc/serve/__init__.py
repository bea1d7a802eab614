"""Predictions over HTTP, by the Open Inference Protocol (KServe v2): images in, labels and their statuses out.

limits     sizes of requests and of the queue
problems   errors as HTTP responses
request    what a client sends: an image's bytes or pixels, as JSON or as binary data
response   what it gets: a row for each cell, as named tensors
models     bundles under their names, with the microscope of their images
batcher    images of several requests in one batch, within a bounded delay
admission  what is let in, so that the queue and the memory stay bounded
metrics    counters and times for Prometheus
guard      who may talk to the server: token, host, no browsers
app        the addresses
connection what is refused before there is a whole request
timers     times of connections that cost little
server     runs all of it until SIGTERM or Ctrl-C
"""
