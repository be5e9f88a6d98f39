"""The descent machine for Python: it owns the memory, runs the loop, saves and loads.

`Settings` are the options as the C core wants them, checked by `optlab.options` and
shared by all runs that have the same ones. A `Machine` is one run.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals, PyErr_Occurred
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from optlab_c.abi cimport (
    OPTLAB_ABI_VERSION,
    OPTLAB_F,
    OPTLAB_FLOAT32,
    OPTLAB_G,
    OPTLAB_OBJECTIVE_CAPSULE,
    optlab_objective,
)
from optlab_c.callables cimport PythonObjective
from optlab_c.core cimport (
    DESCENT_DONE,
    DESCENT_ITERATE,
    DIRECTION_KINDS,
    PROBES,
    SEARCH_KINDS,
    bfgs_give_inverse,
    bfgs_inverse,
    descent,
    descent_advance,
    descent_bind,
    descent_g,
    descent_options,
    descent_result,
    descent_size,
    descent_start,
    descent_state,
    descent_tell,
    descent_x,
    direction_rows,
    lbfgs_pair,
    loop,
    loop_complete_result,
    loop_run,
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
    vec_bytes,
    vec_norm,
)

import numpy as np

cnp.import_array()

F, G = OPTLAB_F, OPTLAB_G
ITERATE, DONE = DESCENT_ITERATE, DESCENT_DONE
DTYPES = (np.dtype(np.float64), np.dtype(np.float32))
DIRECTIONS = {direction_rows[i].name.decode(): i for i in range(DIRECTION_KINDS)}
SEARCHES = {search_rows[i].name.decode(): i for i in range(SEARCH_KINDS)}
STEP_RULES = {"bb1": 0, "bb2": 1, "previous": 2, "unit": 3}


@cython.final
cdef class Settings:
    """Everything a run depends on but x0 and the objective."""

    cdef descent_options descent
    cdef stop_tests stop

    def __init__(
        self, *, direction, line_search, dtype, double gtol, double ftol, double xrtol,
        int64_t maxiter, int64_t maxfun, double norm, double first_step, step_rule,
        int maxcor, bint corrected, double noise, int maxls, bint values_first, double c1,
        double c2, double step_length, double tol, double eta, double rho, double theta,
        double gamma,
    ):
        self.descent.dtype = DTYPES.index(np.dtype(dtype))
        self.descent.direction = DIRECTIONS[direction]
        self.descent.step_rule = STEP_RULES[step_rule]
        self.descent.maxcor = maxcor
        self.descent.corrected = corrected
        self.descent.first_step = first_step
        self.descent.norm = norm
        self.descent.search = search_options(
            kind=SEARCHES[line_search], maxls=maxls, values_first=values_first, c1=c1,
            c2=c2, noise=noise, step_length=step_length, tol=tol, eta=eta, rho=rho,
            theta=theta, gamma=gamma,
        )
        self.stop = stop_tests(
            gtol=gtol, ftol=ftol, xrtol=xrtol, maxiter=maxiter, maxfun=maxfun
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
        self.reply = search_start(&self.s, phi0, dphi0, alpha)
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


cdef int poll_signals() noexcept with gil:
    return PyErr_CheckSignals()


cdef int observe(void* ctx, const descent* machine) noexcept with gil:
    """Hand an iterate to the observer of a Machine."""
    cdef Machine self = <Machine>ctx
    try:
        return self.observer(self)
    except BaseException as error:
        self.error = error
        return 100  # OPTLAB_ABORTED


MAGIC = b"optlab descent 1"


@cython.final
cdef class Machine:
    """One run of the descent machine from x0 (a float vector of the settings' dtype).

    Either `run` it with an objective, or `ask` and `tell`.
    """

    cdef descent m
    cdef loop run_
    cdef void* memory
    cdef size_t bytes
    cdef object observer
    cdef BaseException error

    def __cinit__(self, Settings settings=None, cnp.ndarray x0=None):
        if settings is None:  # `load` fills it in
            return
        self.m.st.opt = settings.descent
        self.m.st.opt.n = cnp.PyArray_DIM(x0, 0)
        self.run_.stop = settings.stop
        self.take_memory()
        descent_start(&self.m)
        x0 = np.ascontiguousarray(x0, dtype=self.dtype)
        memcpy(
            self.m.mem.x[0], cnp.PyArray_DATA(x0), vec_bytes(self.m.st.opt.dtype, self.n)
        )

    def __dealloc__(self):
        memory_give_back(self.memory)

    cdef int take_memory(self) except -1:
        self.bytes = descent_size(&self.m.st.opt)
        self.memory = memory_take(self.bytes)
        if self.memory == NULL:
            raise MemoryError(
                f"{self.bytes / 1e9:.3g} GB are needed for {self.n} unknowns; "
                "l-bfgs needs the least, the less the smaller maxcor"
            )
        descent_bind(&self.m, self.memory)
        self.run_.machine = &self.m
        return 0

    # The loop

    def run(self, objective, observer=None):
        """Run to the end and return the status.

        `objective` is a PythonObjective or a capsule of the C interface;
        `observer(machine)`, called at every iterate, returns 0 or a status.
        """
        cdef PythonObjective python
        cdef int status
        self.run_.observe = NULL
        if observer is not None:
            self.run_.observe = observe
        self.run_.observe_ctx = <void*>self
        self.observer = observer
        self.error = None
        if isinstance(objective, PythonObjective):
            python = objective
            python.counts = &self.run_.counts
            self.run_.objective = &python.c
            self.run_.poll = NULL
            status = loop_run(&self.run_)
            if status != 100 and loop_complete_result(&self.run_) != 0:
                status = 100
            python.counts = NULL
            error = self.error or python.error
        else:
            self.run_.objective = compiled(objective, self.n, self.m.st.opt.dtype)
            self.run_.poll = poll_signals
            with nogil:
                status = loop_run(&self.run_)
                if status != 100 and loop_complete_result(&self.run_) != 0:
                    status = 100
            error = self.error
        self.observer = None
        if status == 100:
            if error is not None:
                raise error
            if not PyErr_Occurred():
                raise RuntimeError("fun: the compiled objective reported a failure")
            return -1
        return status

    def ask(self):
        """What is wanted (a mask of F and G, or an event) and a copy of the point x."""
        want = descent_advance(&self.m)
        return want, self.copy(descent_x(&self.m)) if want > 0 else None

    def tell(self, f=None, g=None):
        """Answer what was asked."""
        cdef cnp.ndarray gradient
        if g is not None:
            gradient = np.ascontiguousarray(g, dtype=self.dtype)
            if cnp.PyArray_SIZE(gradient) != self.n:
                raise ValueError(f"g must have shape ({self.n},), got {g.shape}")
            memcpy(
                descent_g(&self.m),
                cnp.PyArray_DATA(gradient),
                vec_bytes(self.m.st.opt.dtype, self.n),
            )
            self.run_.counts.njev += 1
        if f is not None:
            descent_tell(&self.m, f)
            self.run_.counts.nfev += 1

    # Reading it

    cdef object copy(self, const void* v):
        cdef cnp.npy_intp n = self.m.st.opt.n
        cdef int single = self.m.st.opt.dtype == OPTLAB_FLOAT32
        array = cnp.PyArray_EMPTY(1, &n, cnp.NPY_FLOAT32 if single else cnp.NPY_FLOAT64, 0)
        memcpy(cnp.PyArray_DATA(<cnp.ndarray>array), v, vec_bytes(self.m.st.opt.dtype, n))
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
        return self.run_.counts.nfev

    @property
    def njev(self):
        return self.run_.counts.njev

    @property
    def nhev(self):
        return self.run_.counts.nhev

    @property
    def pairs(self):
        """Curvature pairs in use by l-bfgs."""
        return self.m.st.direction.pairs

    def result(self):
        """x, f, g and the norm of g at the point to return."""
        cdef int slot = descent_result(&self.m)
        cdef double norm = vec_norm(
            self.m.st.opt.dtype, self.m.st.opt.n, self.m.mem.g[slot], self.m.st.opt.norm
        )
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

    def give_inverse(self, const double[:, ::1] H0):
        """Start BFGS from a given inverse Hessian."""
        bfgs_give_inverse(&self.m, &H0[0, 0])

    def inverse(self):
        """BFGS's approximation of the inverse Hessian, n by n."""
        cdef double[:, ::1] H = np.empty((self.n, self.n))
        bfgs_inverse(&self.m, &H[0, 0])
        return np.asarray(H)

    def apply(self, v):
        """The approximate inverse Hessian times v."""
        cdef cnp.ndarray vector = np.ascontiguousarray(v, dtype=self.dtype)
        cdef cnp.ndarray out = np.empty(self.n, self.dtype)
        direction_rows[self.m.st.opt.direction].apply(
            &self.m, cnp.PyArray_DATA(vector), cnp.PyArray_DATA(out)
        )
        return out

    def pair(self, int64_t age):
        """The pair (s, y) that is `age` updates older than the newest."""
        return self.copy(lbfgs_pair(&self.m, age, 0)), self.copy(lbfgs_pair(&self.m, age, 1))

    # Saving

    def save(self):
        """The whole state as bytes: `load` continues from it bit for bit."""
        sizes = np.array([sizeof(descent_state), sizeof(loop), self.bytes], np.int64)
        return b"".join(
            (
                MAGIC,
                sizes.tobytes(),
                (<char*>&self.m.st)[: sizeof(descent_state)],
                (<char*>&self.run_)[: sizeof(loop)],
                (<char*>self.memory)[: self.bytes],
            )
        )

    @staticmethod
    def load(bytes saved):
        """A machine that goes on where another one was saved."""
        cdef Machine self = Machine.__new__(Machine)
        cdef const char* data = saved
        cdef int64_t sizes[3]
        cdef size_t head = len(MAGIC) + sizeof(sizes)
        if len(saved) < head or saved[: len(MAGIC)] != MAGIC:
            raise ValueError("saved: not a saved machine of this version")
        memcpy(sizes, data + len(MAGIC), sizeof(sizes))
        if (
            sizes[0] != sizeof(descent_state)
            or sizes[1] != sizeof(loop)
            or <int64_t>len(saved) != <int64_t>head + sizes[0] + sizes[1] + sizes[2]
        ):
            raise ValueError("saved: damaged, or made by another build")
        data += head
        memcpy(&self.m.st, data, sizes[0])
        memcpy(&self.run_, data + sizes[0], sizes[1])
        self.take_memory()
        if self.bytes != <size_t>sizes[2]:
            raise ValueError("saved: damaged, or made by another build")
        memcpy(self.memory, data + sizes[0] + sizes[1], self.bytes)
        return self


cdef const optlab_objective* compiled(capsule, int64_t n, int dtype) except NULL:
    """The objective in a capsule, checked against the run."""
    if not PyCapsule_IsValid(capsule, OPTLAB_OBJECTIVE_CAPSULE):
        raise TypeError("fun.__optlab_objective__ must be a PyCapsule of that name")
    cdef const optlab_objective* objective = <const optlab_objective*>PyCapsule_GetPointer(
        capsule, OPTLAB_OBJECTIVE_CAPSULE
    )
    if objective.version != OPTLAB_ABI_VERSION:
        raise ValueError(
            f"fun was compiled for interface version {objective.version}, "
            f"this is version {OPTLAB_ABI_VERSION}"
        )
    if objective.n != n:
        raise ValueError(f"x0 must have {objective.n} components for this fun, got {n}")
    if objective.dtype != dtype:
        raise ValueError(
            f"dtype must be {DTYPES[objective.dtype]} for this fun, got {DTYPES[dtype]}"
        )
    return objective


def objective_dtype(capsule):
    """The dtype of the vectors of a compiled objective."""
    if not PyCapsule_IsValid(capsule, OPTLAB_OBJECTIVE_CAPSULE):
        raise TypeError("fun.__optlab_objective__ must be a PyCapsule of that name")
    cdef const optlab_objective* objective = <const optlab_objective*>PyCapsule_GetPointer(
        capsule, OPTLAB_OBJECTIVE_CAPSULE
    )
    return DTYPES[objective.dtype]
