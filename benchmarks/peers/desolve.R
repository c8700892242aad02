# deSolve over patients, as a child of desolve_peer.py: reads a request a line, writes states as doubles to a file.
library(deSolve)

arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
sizes <- scan(file.path(folder, "desolve_sizes.txt"), quiet = TRUE) # patients, parameters, states, times, segments
numbers <- function(name, rows, columns) {
  path <- file.path(folder, paste0("desolve_", name, ".bin"))
  matrix(readBin(path, "double", rows * columns), nrow = rows, byrow = TRUE)
}
parameters <- numbers("parameters", sizes[1], sizes[2])
start <- numbers("start", sizes[1], sizes[3])
times <- as.vector(numbers("times", 1, sizes[4]))
segments <- numbers("segments", sizes[5], 3) # begin, end, infusion rate
dyn.load(file.path(folder, "desolve_equations.so"))
inside <- lapply(seq_len(sizes[5]), function(s) times[times > segments[s, 1] & times <= segments[s, 2]])
grids <- lapply(seq_len(sizes[5]), function(s) unique(c(segments[s, 1], inside[[s]], segments[s, 2])))

one <- function(q, rtol, atol, found) {
  y <- start[q, ]
  o <- 0
  for (s in seq_len(sizes[5])) {
    run <- ode(y, grids[[s]], "rates", c(parameters[q, ], segments[s, 3]),
      jacfunc = "slopes", jactype = "fullusr", initfunc = "parameters", dllname = "desolve_equations",
      method = "lsoda", rtol = rtol, atol = atol, maxsteps = 1e6)
    if (nrow(run) < length(grids[[s]]) || anyNA(run)) return(NULL)
    count <- length(inside[[s]])
    if (count > 0) found[, o + seq_len(count)] <- t(run[1 + seq_len(count), -1, drop = FALSE])
    o <- o + count
    y <- run[nrow(run), -1]
  }
  found
}

cat(as.character(packageVersion("deSolve")), "\n", sep = "")
flush(stdout())
requests <- file("stdin", open = "r")
while (length(line <- readLines(requests, n = 1)) > 0) {
  asked <- as.numeric(strsplit(line, " ")[[1]]) # first, last, rtol, atol
  before <- sum(proc.time()[1:2])
  found <- lapply(seq(asked[1] + 1, asked[2]), function(q) {
    course <- suppressWarnings(one(q, asked[3], asked[4], matrix(0, sizes[3], sizes[4])))
    if (is.null(course)) matrix(NaN, sizes[3], sizes[4]) else course
  })
  seconds <- sum(proc.time()[1:2]) - before
  writeBin(unlist(found), file.path(folder, "desolve_states.bin"))
  cat(seconds, "\n", sep = "")
  flush(stdout())
}
