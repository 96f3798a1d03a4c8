# What every contender in R does; the same as protocol.py, which says what the files hold.

command <- commandArgs(trailingOnly = TRUE)
folder <- command[1]
sizes <- scan(file.path(folder, "sizes.txt"), quiet = TRUE)
n <- sizes[1]
d <- sizes[2]
K <- sizes[3]
few <- sizes[4]

numbers <- function(name, rows, columns) {
  values <- readBin(file.path(folder, paste0(name, ".f64")), "double", rows * columns)
  matrix(values, rows, columns, byrow = TRUE)
}

elapsed <- function(run, iterations) {
  started <- Sys.time()
  run(iterations)
  as.numeric(Sys.time() - started, units = "secs")
}

complete <- function(done, iterations) {
  if (done != iterations) stop(sprintf("stopped after %g of %g iterations", done, iterations))
}

# run(n) does n iterations and returns list(weights, means), one row of means per component.
measure <- function(run) {
  warm <- elapsed(function(i) fit <<- run(i), few)
  repeats <- max(1, min(sizes[5], floor(sizes[6] / (3 * warm))))
  longer <- max(2, min(20, floor(sizes[6] / repeats / (warm / few))))
  times <- replicate(repeats, c(elapsed(run, few), elapsed(run, few + longer)))
  if (!all(is.finite(fit[[2]]))) stop("the fit broke down")
  list_of <- function(values) paste0("[", paste(sprintf("%.17g", values), collapse = ","), "]")
  writeLines(sprintf(
    '{"n_few": %d, "n_many": %d, "few": %s, "many": %s, "weights": %s, "means": %s}',
    as.integer(few), as.integer(few + longer), list_of(times[1, ]), list_of(times[2, ]),
    list_of(fit[[1]]), list_of(t(fit[[2]]))
  ), command[2])
}
