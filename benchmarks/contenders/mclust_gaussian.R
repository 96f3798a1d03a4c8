# mclust, em(modelName = "VVV"); in one dimension that model is called "V".

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "protocol.R"))
suppressPackageStartupMessages(library(mclust))

X <- numbers("X", n, d)
means <- t(numbers("means", K, d))
variances <- c(numbers("variances", K, 1))
start <- list(pro = c(numbers("weights", K, 1)), mean = means)
if (d == 1) {
  start$mean <- c(means)
  start$variance <- list(modelName = "V", d = 1, G = K, sigmasq = variances)
} else {
  spread <- array(sapply(variances, function(v) diag(v, d)), c(d, d, K))
  root <- array(sapply(variances, function(v) diag(sqrt(v), d)), c(d, d, K))
  start$variance <- list(modelName = "VVV", d = d, G = K, sigma = spread, cholsigma = root)
}

measure(function(iterations) {
  fit <- em(
    data = if (d == 1) c(X) else X, modelName = start$variance$modelName, parameters = start,
    control = emControl(tol = c(0, 0), itmax = iterations)
  )
  complete(abs(attr(fit, "info")[["iterations"]]), iterations) # negative at the limit
  list(fit$parameters$pro, t(matrix(fit$parameters$mean, d, K)))
})
