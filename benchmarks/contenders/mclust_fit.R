# mclust, Mclust(): EM from its own hierarchical start, with one model and one K.
# Arguments beyond the folder and the result: the model's name, and a tolerance, 0 for its own.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "protocol.R"))
suppressPackageStartupMessages(library(mclust))

X <- numbers("X", n, d)
tolerance <- as.numeric(command[4])
control <- if (tolerance > 0) emControl(tol = rep(tolerance, 2)) else emControl()
started <- proc.time()
fit <- Mclust(
  if (d == 1) c(X) else X, G = K, modelNames = command[3], control = control, verbose = FALSE
)
seconds <- sum((proc.time() - started)[1:2])
if (is.null(fit)) stop("no fit")
posterior <- paste(sprintf("%.9g", t(fit$z)), collapse = ",")
writeLines(sprintf(
  '{"seconds": %.4f, "log_likelihood": %.12g, "posterior": [%s]}', seconds, fit$loglik, posterior
), command[2])
