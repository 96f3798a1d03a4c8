"""The cost of one iteration, of scoring, and of many components."""

import statistics

from benchmarks.data import binomial, correlated, gaussian
from benchmarks.machine import Machine
from benchmarks.race import Absent, Race, Settings, Times
from benchmarks.report import Row, Table, at_least, at_most

#: Rows, columns, components, and how many times faster than scikit-learn it should be.
SHAPES = [
    (1_000_000, 1, 2, 25),
    (1_000_000, 2, 3, 50),
    (200_000, 10, 10, 25),
    (100_000, 20, 10, 18),
    (20_000, 100, 20, 8),
]
FASTER = {"tied": 12, "diag": 7, "spherical": 7}
SKEM = ("skem", "skem_gaussian.py", "skem")
SCIKIT_LEARN = ("scikit-learn", "sklearn_gaussian.py", "sklearn")
PEERS = [
    ("daal4py 2024.7", "daal4py_gaussian.py", "daal4py"),
    ("mlpack", "mlpack_gaussian.py", "mlpack"),
    ("mclust", "mclust_gaussian.R", "mclust"),
    ("StepMix", "stepmix_gaussian.py", "stepmix"),
]
#: Means further apart than this, after the same iterations, are not the same computation.
SAME = 1e-3


def full(settings: Settings, machine: Machine) -> Table:
    """Time an iteration with full covariances, all contenders."""
    table = Table("One EM iteration, full covariances")
    shapes = [(gaussian, "", shape) for shape in settings.some(SHAPES, slice(1, 3))]
    shapes += [(correlated, "correlated, ", shape) for shape in settings.some(SHAPES[1:])]
    for data, name, (n, d, K, faster) in shapes:
        n = settings.size(n)
        case = f"{name}{n:,} x {d}, K={K}"
        with Race(settings, *data(n, d, K)) as race:
            times = race.times([SKEM, SCIKIT_LEARN, *PEERS])
        goals = {"scikit-learn": float(faster), "daal4py 2024.7": 1.0}
        table.rows += compared(case, times, goals)
        table.rows.append(_limit(case, machine.bound(n, d, K, "full"), times["skem"]))
    return table


def covariances(settings: Settings, machine: Machine) -> Table:
    """Time an iteration with the other covariance types, beside scikit-learn and full."""
    table = Table("One EM iteration, other covariances")
    for n, d, K, _ in settings.some(SHAPES, slice(2, 3)):
        n, shape = settings.size(n), f"{settings.size(n):,} x {d}, K={K}"
        with Race(settings, *gaussian(n, d, K)) as race:
            whole = race.times([SKEM], "full")["skem"]
            for kind, faster in FASTER.items():
                case = f"{kind}, {shape}"
                times = race.times([SKEM, SCIKIT_LEARN], kind)
                table.rows += compared(case, times, {"scikit-learn": float(faster)})
                table.rows.append(_limit(case, machine.bound(n, d, K, kind), times["skem"]))
                if isinstance(whole, Times) and isinstance(times["skem"], Times):
                    ratio = whole.best / times["skem"].best
                    goal = {"goal": "no slower (5 %)", "met": ratio >= 0.95}
                    table.rows.append(
                        Row(case, "skem, full", whole.best, "ms", whole.median, ratio, **goal)
                    )
    return table


def binomials(settings: Settings, machine: Machine) -> Table:
    """Time an iteration of a binomial mixture, and one on ten million rows of few kinds."""
    table = Table("One EM iteration, binomial components (ten trials)")
    skem = ("skem", "skem_binomial.py", "skem")
    n = settings.size(200_000)
    X, start = binomial(n, 4, 3)
    case = f"{n:,} x 4, K=3"
    with Race(settings, X, start) as race:
        times = race.times([skem, ("scipy binom.logpmf", "scipy_binomial.py", "scipy")])
    ours = times["skem"]
    goal = at_most(ours.best, 5, "ms") if isinstance(ours, Times) else {}
    table.rows += compared(case, times, {}, own=goal)
    table.rows.append(_limit(case, machine.bound(n, 4, 3, "binomial"), ours))
    with Race(settings, X[: n // 10], start) as race:
        tenth = race.times([skem, ("flexmix", "flexmix_binomial.R", "flexmix")])
    table.rows += compared(f"{n // 10:,} x 4, K=3 (a tenth)", tenth, {})

    n = settings.size(10_000_000)
    with Race(settings, *binomial(n, 1, 2)) as race:
        flips = race.times([skem])["skem"]
    case = f"{n:,} x 1, K=2"
    if isinstance(flips, Absent):
        table.rows.append(Row(case, "skem", None, note=flips.reason))
    else:
        each = at_most(flips.best, 1, "ms")
        noisy = "what is done once hides it: the difference is noise" if flips.best < 0 else ""
        table.rows += [
            Row(
                f"{case}: an iteration", "skem", flips.best, "ms", flips.median, note=noisy, **each
            ),
            Row(f"{case}: all that is done once", "skem", flips.once, "ms"),
        ]
    return table


def scoring(settings: Settings, machine: Machine) -> Table:
    """Time score_samples, predict and predict_proba on the second and third shape."""
    table = Table("Scoring")
    for n, d, K, _ in SHAPES[1:3]:
        n = settings.size(n)
        with Race(settings, *gaussian(n, d, K)) as race:
            ours = race.run("scoring.py", "skem", "skem")
            theirs = race.run("scoring.py", "sklearn", "scikit-learn")
        for outcome, name in ((ours, "skem"), (theirs, "scikit-learn")):
            if isinstance(outcome, Absent):
                table.rows.append(Row(f"{n:,} x {d}, K={K}", name, None, note=outcome.reason))
        if isinstance(ours, Absent) or isinstance(theirs, Absent):
            continue
        for method, times in ours.items():
            case = f"{method}, {n:,} x {d}, K={K}"
            ratio = min(theirs[method]) / min(times)
            table.rows += [
                _of(case, "skem", times),
                _of(case, "scikit-learn", theirs[method], ratio=ratio, **at_least(ratio, 15)),
            ]
    return table


def components(settings: Settings, machine: Machine) -> Table:
    """Time an iteration with two hundred separated components, and with ten."""
    table = Table("Many components, separated clusters")
    n, few, many = settings.size(200_000), 10, settings.few(200, 20)
    best = {}
    for K in (few, many):
        with Race(settings, *gaussian(n, 10, K, apart=40.0)) as race:
            times = race.times([SKEM])
        table.rows += compared(f"{n:,} x 10, K={K}", times, {})
        table.rows.append(
            _limit(f"{n:,} x 10, K={K}", machine.bound(n, 10, K, "full"), times["skem"])
        )
        best[K] = times["skem"]
    if all(isinstance(each, Times) for each in best.values()):
        growth = best[many].best / best[few].best
        table.rows.append(
            Row(f"K={many} over K={few}", "skem", growth, "times the cost", **at_most(growth, 15))
        )
    return table


def compared(
    case: str,
    times: dict[str, Times | Absent],
    goals: dict[str, float],
    own: dict | None = None,
) -> list[Row]:
    """Return a row for each contender, present or missing."""
    ours, rows = times["skem"], []
    for name, each in times.items():
        wanted = f">= {goals[name]:g}x" if name in goals else ""
        if isinstance(each, Absent):
            rows.append(Row(case, name, None, goal=wanted, note=each.reason))
            continue
        ratio, goal, note = None, dict(own or {}) if name == "skem" else {}, each.note
        if isinstance(ours, Times) and name != "skem":
            ratio = each.best / ours.best
            goal = at_least(ratio, goals[name]) if name in goals else {}
            note = note or _difference(each, ours)
        rows.append(Row(case, name, each.best, "ms", each.median, ratio, note=note, **goal))
    return rows


def _difference(theirs: Times, ours: Times) -> str:
    """Say how far a contender came from where skem came; nothing where it is the same place."""
    apart = max(abs(a - b) for a, b in zip(theirs.means, ours.means, strict=True))
    if apart <= SAME:
        return ""
    return f"another computation: means {apart:.2g} from skem's after {theirs.n_few} iterations"


def _limit(case: str, bound: float, ours: Times | Absent) -> Row:
    ratio = bound / ours.best if isinstance(ours, Times) else None
    note = "matrix products and exponentials at this machine's rates"
    return Row(case, "the machine", bound, "ms", ratio=ratio, note=note)


def _of(case: str, contender: str, seconds: list[float], **more) -> Row:
    milliseconds = [1e3 * each for each in seconds]
    return Row(case, contender, min(milliseconds), "ms", statistics.median(milliseconds), **more)
