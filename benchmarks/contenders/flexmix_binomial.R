# flexmix: one binomial response per column, ten trials in every cell.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "protocol.R"))
suppressPackageStartupMessages(library(flexmix))

X <- numbers("X", n, d)
weights <- c(numbers("weights", K, 1))
p <- numbers("means", K, d)
# flexmix starts from a posterior: that of the start.
joint <- sapply(seq_len(K), function(k) {
  log(weights[k]) + rowSums(sapply(seq_len(d), function(j) dbinom(X[, j], 10, p[k, j], log = TRUE)))
})
posterior <- exp(joint - apply(joint, 1, max))
posterior <- posterior / rowSums(posterior)

columns <- as.data.frame(X)
responses <- lapply(names(columns), function(name) {
  FLXMRglm(as.formula(sprintf("cbind(%s, 10 - %s) ~ 1", name, name)), family = "binomial")
})

measure(function(iterations) {
  fit <- flexmix(
    V1 ~ 1, data = columns, cluster = posterior, model = responses,
    control = list(iter.max = iterations, tolerance = 0, minprior = 0)
  )
  complete(fit@iter, iterations)
  logit <- sapply(seq_len(d), function(j) c(parameters(fit, model = j)))
  list(prior(fit), plogis(matrix(logit, K, d)))
})
