"""The descent machine for Python: it owns the memory, runs the loop, saves and loads.

`Settings` are the options as the C core wants them, checked by `optlab.options` and
shared by all runs that have the same ones. A `Machine` is one run.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from optlab_c.abi cimport (
    OPTLAB_ABORTED,
    OPTLAB_F,
    OPTLAB_FINE,
    OPTLAB_FLOAT32,
    OPTLAB_FLOAT64,
    OPTLAB_G,
    OPTLAB_H,
    OPTLAB_HV,
    OPTLAB_PAUSED,
    OPTLAB_RUNNING,
    OPTLAB_SOLVE,
    optlab_objective,
    optlab_point,
)
from optlab_c.callables cimport PythonObjective
from optlab_c.capsules cimport aborted, in_capsule
from optlab_c.core cimport (
    DESCENT_CURVATURE,
    DESCENT_DONE,
    DESCENT_ITERATE,
    DIRECTION_BFGS,
    DIRECTION_KINDS,
    DIRECTION_LBFGS,
    DIRECTION_LBFGSB,
    DIRECTION_NEWTON,
    PROBES,
    SEARCH_KINDS,
    bfgs_give_inverse,
    bfgs_inherit,
    bfgs_inverse,
    descent,
    descent_advance,
    descent_at_saddle,
    descent_bind,
    descent_doubt,
    descent_gnorm,
    descent_question,
    descent_refine,
    descent_result,
    descent_size,
    descent_start,
    descent_state,
    direction_rows,
    lbfgs_give_pair,
    lbfgs_pair,
    loop,
    loop_counts,
    loop_next,
    loop_question,
    loop_reopen,
    loop_run,
    loop_start,
    loop_state,
    loop_tell,
    memory_give_back,
    memory_take,
    SEARCH_ACCEPT,
    SEARCH_TRY,
    search,
    search_advance,
    search_options,
    search_reset,
    search_rows,
    search_start,
    stop_tests,
    vec_all_finite,
    vec_bytes,
)
from optlab_c.lapack cimport need_lapack

import numpy as np

from optlab_c.callables import DTYPES
from optlab_c.sealed import seal, unseal

cnp.import_array()

F, G, HV, H, SOLVE = OPTLAB_F, OPTLAB_G, OPTLAB_HV, OPTLAB_H, OPTLAB_SOLVE
FINE = OPTLAB_FINE
ITERATE, DONE, CURVATURE = DESCENT_ITERATE, DESCENT_DONE, DESCENT_CURVATURE
RUNNING, PAUSED = OPTLAB_RUNNING, OPTLAB_PAUSED
DIRECTIONS = {direction_rows[i].name.decode(): i for i in range(DIRECTION_KINDS)}
SEARCHES = {search_rows[i].name.decode(): i for i in range(SEARCH_KINDS)}
STEP_RULES = {"bb1": 0, "bb2": 1, "previous": 2, "unit": 3}
BETAS = {"hager-zhang": 0, "polak-ribiere": 1}


@cython.final
cdef class Settings:
    """Everything a run depends on but x0 and the objective."""

    def __init__(
        self, *, direction, line_search, dtype, double gtol, double ftol, double xrtol,
        double xtol, int64_t maxiter, int64_t maxfun, double norm, double first_step,
        step_rule, int maxcor, bint corrected, bint bounded, beta, bint solved,
        bint preconditioned, bint trust, int64_t maxinner, double radius,
        double radius_max, bint refinable, double hessian_error, double noise,
        int maxls, bint values_first, double c1, double c2, bint strong,
        double step_length, double tol, double eta, double rho, double theta,
        double gamma,
    ):
        self.descent.dtype = DTYPES.index(np.dtype(dtype))
        self.descent.direction = DIRECTIONS[direction]
        self.descent.step_rule = STEP_RULES[step_rule]
        self.descent.maxcor = maxcor
        self.descent.corrected = corrected
        self.descent.bounded = bounded
        self.descent.beta = BETAS[beta]
        self.descent.solved = solved
        self.descent.preconditioned = preconditioned
        self.descent.trust = trust
        self.descent.maxinner = maxinner
        self.descent.radius = radius
        self.descent.radius_max = radius_max
        self.descent.refinable = refinable
        self.descent.hessian_error = hessian_error
        self.descent.first_step = first_step
        self.descent.norm = norm
        self.descent.search = search_options(
            kind=SEARCHES[line_search], maxls=maxls, values_first=values_first, c1=c1,
            c2=c2, noise=noise, strong=strong, step_length=step_length, tol=tol,
            eta=eta, rho=rho, theta=theta, gamma=gamma,
        )
        self.stop = stop_tests(
            gtol=gtol, ftol=ftol, xrtol=xrtol, xtol=xtol, maxiter=maxiter, maxfun=maxfun
        )


@cython.final
cdef class Search:
    """A line search alone: numbers in, numbers out.

    `start` and `tell` return the next trial alpha, or None when the search has ended;
    then `accepted` tells how, and `alpha` is the last trial.
    """

    cdef search s
    cdef int reply

    def __init__(self, Settings settings not None, double alpha_max):
        search_reset(&self.s, &settings.descent.search)
        self.s.alpha_max = alpha_max

    def start(self, double phi0, double dphi0, double alpha):
        """Begin at phi(0) with the slope phi'(0) < 0; the first trial is alpha."""
        self.reply = search_start(&self.s, phi0, dphi0, 0.0, alpha)
        return self.s.alpha

    def tell(self, double phi, double dphi):
        """Tell phi and its slope at the trial."""
        self.reply = search_advance(&self.s, phi, dphi, 1)
        return self.s.alpha if self.reply == SEARCH_TRY else None

    @property
    def accepted(self):
        return self.reply == SEARCH_ACCEPT

    @property
    def alpha(self):
        return self.s.alpha

    @property
    def noise(self):
        """Differences of phi below this carry no information."""
        return self.s.noise


cdef int poll_signals(void* ctx) noexcept with gil:
    """Let signal handlers run; what they raise ends the run of a Machine."""
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        (<Machine>ctx).error = error
        return -1
    return 0


cdef int keep(void* ctx) noexcept with gil:
    """Let the keeper of a Machine save it."""
    cdef Machine self = <Machine>ctx
    try:
        self.keeper(self)
    except BaseException as error:
        self.error = error
        return -1
    return 0


cdef int observe(void* ctx, const descent* machine) noexcept with gil:
    """Hand an iterate to the observer of a Machine."""
    cdef Machine self = <Machine>ctx
    try:
        return self.observer(self)
    except BaseException as error:
        self.error = error
        return OPTLAB_ABORTED


MAGIC = b"optlab descent 4"


@cython.final
cdef class Machine:
    """One run of the descent machine from x0 (a float vector of the settings' dtype).

    `bounds` is a pair of such vectors, lb <= x0 <= ub, where the settings are bounded.
    Either `run` it with an objective, or ask and tell: the questions of the run, with
    its stopping tests, come from `question`; those of the machine alone, and its
    events, from `ask`. Asking again gives the same question until it is answered, so
    that a machine may be saved in between.
    """

    cdef descent m
    cdef loop run_
    cdef void* memory
    cdef size_t bytes
    cdef object observer
    cdef object keeper
    cdef bint busy
    cdef BaseException error

    def __init__(
        self, Settings settings not None, cnp.ndarray x0 not None, bounds=None
    ):
        if self.memory != NULL:
            raise RuntimeError("a machine is made once")
        if x0.ndim != 1 or x0.size == 0:
            raise ValueError(f"x0 must be a vector, got shape {(<object>x0).shape}")
        self.m.st.opt = settings.descent
        self.m.st.opt.n = cnp.PyArray_DIM(x0, 0)
        if settings.descent.bounded != (bounds is not None):
            raise ValueError("bounds are needed where the settings are bounded")
        self.take_memory()
        loop_start(&self.run_, &self.m, &settings.stop)
        self.put("x0", x0, self.m.mem.x[0])
        if bounds is not None:
            self.put("bounds", bounds[0], self.m.mem.lb)
            self.put("bounds", bounds[1], self.m.mem.ub)
        descent_start(&self.m)

    def __dealloc__(self):
        memory_give_back(self.memory)

    cdef int take_memory(self) except -1:
        if self.m.st.opt.direction == DIRECTION_NEWTON:
            need_lapack()
        self.bytes = descent_size(&self.m.st.opt)
        self.memory = memory_take(self.bytes)
        if self.memory == NULL:
            raise MemoryError(
                f"{self.bytes / 1e9:.3g} GB are needed for {self.n} unknowns; "
                "cg and gd need the least, and l-bfgs the less the smaller maxcor"
            )
        descent_bind(&self.m, self.memory)
        return 0

    # The loop

    cdef int attend(self, observer, keeper) except -1:
        """Have the hooks of the loop call these, if given."""
        if self.busy:
            raise RuntimeError("the run is going on: in its function, or a thread")
        self.busy = True
        self.observer, self.keeper, self.error = observer, keeper, None
        self.run_.observe = NULL
        self.run_.keep = NULL
        if observer is not None:
            self.run_.observe = observe
        if keeper is not None:
            self.run_.keep = keep
        self.run_.poll = poll_signals
        self.run_.observe_ctx = <void*>self
        return 0

    cdef int leave(self) except -1:
        """Raise what the hooks or the objective have raised."""
        self.busy = False
        self.observer = self.keeper = None
        error, self.error = self.error, None
        if error is not None:
            raise error
        return 0

    def run(self, objective, observer=None, keeper=None):
        """Run to the end and return the status; or to a pause: RUNNING.

        `objective` is a PythonObjective or a capsule of the C interface;
        `observer(machine)`, called at every iterate, returns 0, PAUSED or a status;
        `keeper(machine)`, called now and then, may save it. After an exception, another
        call goes on from where it was.
        """
        cdef PythonObjective python
        cdef const optlab_objective* c = NULL
        cdef int status
        if not isinstance(objective, PythonObjective):
            c = compiled(objective, self.n, self.m.st.opt.dtype)
        self.attend(observer, keeper)
        if isinstance(objective, PythonObjective):
            python = objective
            python.follow(&self.run_.st.counts)
            self.run_.products_only = 0
            self.run_.objective = &python.c
            status = loop_run(&self.run_)
            python.counts = NULL
            if self.error is None:
                self.error = python.error
            python.error = None  # or its traceback would keep the whole run alive
        else:
            self.run_.objective = c
            self.run_.products_only = not self.run_.objective.provides & OPTLAB_H
            with nogil:
                status = loop_run(&self.run_)
        self.leave()
        if status == OPTLAB_ABORTED:
            aborted()
        return status

    @property
    def status(self):
        """How the run has ended, or RUNNING."""
        return self.run_.st.status

    def reopen(self, Settings settings=None):
        """Go on after the end of the run; with other stopping tests, if given."""
        if settings is not None:
            self.run_.st.stop = settings.stop
        loop_reopen(&self.run_)

    def question(self, observer=None):
        """What is wanted next (a mask of F, G, HV, H, SOLVE), and the point x.

        HV wants the Hessian times `v`. SOLVE wants a Newton step. With G may come FINE,
        where the gradient is made of differences: better ones are wanted from now on.
        At the end of the run, and where the observer wants a pause, the mask is 0.
        """
        self.attend(observer, None)
        cdef int want = loop_next(&self.run_)
        self.leave()
        return want, self.copy(loop_question(&self.run_).x) if want else None

    def ask(self):
        """The next question of the machine alone, or an event, whoever stops it."""
        cdef int want = self.run_.st.want
        if not want:
            want = descent_advance(&self.m)
        if want <= 0:
            return want, None
        self.run_.st.want = want
        return want, self.copy(descent_question(&self.m).x)

    @property
    def v(self):
        """A copy of the vector whose product with the Hessian is wanted."""
        if not self.run_.st.want & OPTLAB_HV:
            raise ValueError("no Hessian product is wanted")
        return self.copy(descent_question(&self.m).v)

    def tell(self, f=None, g=None, hv=None, h=None, solve=None):
        """Answer what was asked: f, g, hv, h, or solve = (step, curvature, z).

        The step is -M^-1 g with M positive definite, and H where H is; z a unit vector
        with the curvature z'Hz < 0, or None where H has shown none.
        """
        cdef optlab_point point = loop_question(&self.run_)
        cdef loop_counts* counts = &self.run_.st.counts
        cdef int told = 0, bit, wanted = self.run_.st.want
        if self.run_.st.status != OPTLAB_RUNNING:
            wanted = loop_next(&self.run_)
        for bit, value in (
            (OPTLAB_F, f), (OPTLAB_G, g), (OPTLAB_HV, hv), (OPTLAB_H, h),
            (OPTLAB_SOLVE, solve),
        ):
            if value is not None:
                told |= bit
        if told == 0 or told & ~wanted:
            raise ValueError("only what was asked for can be told")
        if g is not None:
            self.put("g", g, point.g)
            told |= wanted & OPTLAB_FINE
            counts.njev += 1
        if f is not None:
            point.f = f
            counts.nfev += 1
        if hv is not None:
            self.put("hv", hv, point.hv)
        if h is not None:
            self.put("h", h, point.h, 2)
        if told & (OPTLAB_HV | OPTLAB_H):
            counts.nhev += 1
        if solve is not None:
            step, point.curvature, z = solve
            self.put("solve", step, point.hv)
            if z is not None:
                self.put("solve", z, point.h)
        loop_tell(&self.run_, told, &point)

    def doubt(self):
        """Have the iterate just published looked at: CURVATURE will follow.

        False where the method knows no second derivatives.
        """
        return descent_doubt(&self.m) != 0

    def refine(self):
        """Have a better gradient at the iterate just published, and from then on.

        False where there is none: it is no difference, or one of the best already.
        """
        if not descent_refine(&self.m):
            return False
        loop_reopen(&self.run_)
        return True

    @property
    def curvature(self):
        """The lowest curvature seen at the current iterate; 0: none is negative."""
        return self.m.st.direction.curvature

    @property
    def at_saddle(self):
        """Whether the current iterate was looked at, and is no minimum."""
        return descent_at_saddle(&self.m) != 0

    # Reading it

    cdef cnp.ndarray vector(self, name, v, int ndim=1):
        """A vector of the machine's length and dtype; an error that names it."""
        array = np.ascontiguousarray(v, dtype=self.dtype)
        shape = (self.n,) * ndim
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
        return array

    cdef int put(self, name, v, void* where, int ndim=1) except -1:
        """Copy a vector, or a square matrix, into the arena."""
        cdef cnp.ndarray array = self.vector(name, v, ndim)
        cdef int64_t size = cnp.PyArray_SIZE(array)
        memcpy(where, cnp.PyArray_DATA(array), vec_bytes(self.m.st.opt.dtype, size))
        return 0

    cdef object copy(self, const void* v):
        cdef cnp.npy_intp n = self.m.st.opt.n
        cdef int dtype = self.m.st.opt.dtype
        cdef int typenum = (
            cnp.NPY_FLOAT32 if dtype == OPTLAB_FLOAT32 else cnp.NPY_FLOAT64
        )
        array = cnp.PyArray_EMPTY(1, &n, typenum, 0)
        memcpy(cnp.PyArray_DATA(<cnp.ndarray>array), v, vec_bytes(dtype, n))
        return array

    @property
    def n(self):
        return self.m.st.opt.n

    @property
    def dtype(self):
        return DTYPES[self.m.st.opt.dtype]

    @property
    def k(self):
        return self.m.st.k

    @property
    def x(self):
        return self.copy(self.m.mem.x[self.m.st.current])

    @property
    def f(self):
        return self.m.st.f[self.m.st.current]

    @property
    def g(self):
        return self.copy(self.m.mem.g[self.m.st.current])

    @property
    def gnorm(self):
        return self.m.st.gnorm

    @property
    def alpha(self):
        return self.m.st.alpha

    @property
    def outcome(self):
        return self.m.st.outcome

    @property
    def nfev(self):
        return self.run_.st.counts.nfev

    @property
    def njev(self):
        return self.run_.st.counts.njev

    @property
    def nhev(self):
        return self.run_.st.counts.nhev

    @property
    def pairs(self):
        """Curvature pairs in use by l-bfgs."""
        return self.m.st.direction.pairs

    def result(self):
        """x, f, g and the norm of g at the point to return.

        With bounds that is the norm of P(x - g) - x.
        """
        cdef int slot = descent_result(&self.m)
        cdef double norm = descent_gnorm(&self.m, slot)
        return (
            self.copy(self.m.mem.x[slot]),
            self.m.st.f[slot],
            self.copy(self.m.mem.g[slot]),
            norm,
        )

    def probes(self):
        """The evidence of a failed search: h, f(x + h u), f(x - h u), and u'g."""
        cdef int i, told = self.m.st.probe
        if told == 0:
            return None
        rows = [
            (self.m.st.probe_h[i], self.m.st.probe_plus[i], self.m.st.probe_minus[i])
            for i in range(min(told // 2, PROBES))
        ]
        return rows, self.m.st.probe_slope

    # The inverse Hessian

    cdef int need(self, int direction) except -1:
        if self.m.st.opt.direction != direction:
            raise TypeError(
                f"only {direction_rows[direction].name.decode()} has this, not "
                + direction_rows[self.m.st.opt.direction].name.decode()
            )
        return 0

    def give_inverse(self, const double[:, ::1] H0 not None):
        """Start BFGS from a given inverse Hessian."""
        self.need(DIRECTION_BFGS)
        if H0.shape[0] != self.n or H0.shape[1] != self.n:
            raise ValueError(f"H0 must have shape {(self.n, self.n)}")
        bfgs_give_inverse(&self.m, &H0[0, 0])

    def inherit(self, Machine other not None):
        """Start BFGS from the matrices of another run of it."""
        self.need(DIRECTION_BFGS)
        other.need(DIRECTION_BFGS)
        if other.n != self.n or other.m.st.opt.dtype != self.m.st.opt.dtype:
            raise ValueError("the other run must have the same n and dtype")
        bfgs_inherit(&self.m, &other.m)

    def give_pair(self, s, y):
        """Let L-BFGS have seen this pair, the next older one before it."""
        if self.m.st.opt.direction != DIRECTION_LBFGSB:
            self.need(DIRECTION_LBFGS)
        cdef cnp.ndarray step = self.vector("s", s), change = self.vector("y", y)
        lbfgs_give_pair(&self.m, cnp.PyArray_DATA(step), cnp.PyArray_DATA(change))

    def inverse(self):
        """BFGS's approximation of the inverse Hessian, n by n."""
        self.need(DIRECTION_BFGS)
        cdef double[:, ::1] H = np.empty((self.n, self.n))
        bfgs_inverse(&self.m, &H[0, 0])
        return np.asarray(H)

    def apply(self, v):
        """The approximate inverse Hessian times v."""
        if direction_rows[self.m.st.opt.direction].apply == NULL:
            self.need(DIRECTION_LBFGS)
        cdef cnp.ndarray vector = self.vector("v", v)
        cdef cnp.ndarray out = np.empty(self.n, self.dtype)
        direction_rows[self.m.st.opt.direction].apply(
            &self.m, cnp.PyArray_DATA(vector), cnp.PyArray_DATA(out)
        )
        return out

    def pair(self, int64_t age):
        """The pair (s, y) that is `age` updates older than the newest."""
        if self.m.st.opt.direction != DIRECTION_LBFGSB:
            self.need(DIRECTION_LBFGS)
        if not 0 <= age < self.m.st.direction.pairs:
            raise IndexError(f"there are {self.pairs} pairs, got age {age}")
        s, y = lbfgs_pair(&self.m, age, 0), lbfgs_pair(&self.m, age, 1)
        return self.copy(s), self.copy(y)

    # Saving

    def save(self):
        """The whole state as bytes: `load` continues from it bit for bit."""
        return seal(
            MAGIC,
            (sizeof(descent_state), sizeof(loop_state), self.bytes),
            (<char*>&self.m.st)[: sizeof(descent_state)],
            (<char*>&self.run_.st)[: sizeof(loop_state)],
            (<char*>self.memory)[: self.bytes],
        )

    @staticmethod
    def load(bytes saved not None):
        """A machine that goes on where another one was saved."""
        cdef Machine self = Machine.__new__(Machine)
        cdef int64_t state, run, bytes_
        cdef stop_tests none
        (state, run, bytes_), body = unseal(MAGIC, 3, saved)
        if (
            state != sizeof(descent_state)
            or run != sizeof(loop_state)
            or len(body) != state + run + bytes_
        ):
            raise ValueError("saved: made by another build")
        cdef const char* data = body
        memset(&none, 0, sizeof(none))
        loop_start(&self.run_, &self.m, &none)
        memcpy(&self.m.st, data, state)
        memcpy(&self.run_.st, data + state, run)
        if descent_size(&self.m.st.opt) != <size_t>bytes_:
            raise ValueError("saved: made by another build")
        self.take_memory()
        memcpy(self.memory, data + state + run, self.bytes)
        return self

    def __reduce__(self):
        return Machine.load, (self.save(),)


cdef const optlab_objective* compiled(capsule, int64_t n, int dtype) except NULL:
    """The objective in a capsule, checked against the run."""
    cdef const optlab_objective* objective = in_capsule(capsule)
    if objective.n != n:
        raise ValueError(f"x0 must have {objective.n} components for this fun, got {n}")
    if objective.dtype != dtype:
        raise ValueError(
            f"dtype must be {DTYPES[objective.dtype]} for this fun, got {DTYPES[dtype]}"
        )
    return objective


def objective_dtype(capsule):
    """The dtype of the vectors of a compiled objective."""
    return DTYPES[in_capsule(capsule).dtype]


def has_hessian(capsule):
    """Whether a compiled objective answers Hessians, or their products."""
    return in_capsule(capsule).provides & (OPTLAB_HV | OPTLAB_H) != 0


# One pass each over short vectors, where NumPy takes several and an array for each.

def first_empty(const double[::1] lower not None, const double[::1] upper not None):
    """The first component between whose bounds there is no number, or -1."""
    cdef int64_t i
    for i in range(lower.shape[0]):
        # Written so that NaN is found, too.
        if not (lower[i] <= upper[i] and lower[i] < INFINITY and upper[i] > -INFINITY):
            return i
    return -1


def all_open(const double[::1] lower not None, const double[::1] upper not None):
    """Whether no component is bounded."""
    cdef int64_t i
    for i in range(lower.shape[0]):
        if isfinite(lower[i]) or isfinite(upper[i]):
            return False
    return True


def all_finite(cnp.ndarray array not None):
    """Whether a vector of float64 holds neither NaN nor infinity."""
    cdef bint plain = cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT64
    if not (plain and cnp.PyArray_ISCARRAY_RO(array)):
        return bool(np.isfinite(array).all())
    return vec_all_finite(
        OPTLAB_FLOAT64, cnp.PyArray_SIZE(array), cnp.PyArray_DATA(array)
    ) != 0
