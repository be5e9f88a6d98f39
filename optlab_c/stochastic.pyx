# cython: auto_pickle=False, autotestdict=False
"""The stochastic machine for Python: it owns the memory, runs epochs, saves and loads.

`PythonSum` is a finite sum that is a Python function; compiled ones come as capsules.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from optlab_c.abi cimport (
    OPTLAB_ABI_VERSION,
    OPTLAB_BATCH,
    OPTLAB_F,
    OPTLAB_FLOAT32,
    OPTLAB_FLOAT64,
    OPTLAB_G,
    optlab_eval,
    optlab_objective,
    optlab_point,
)
from optlab_c.callables cimport as_value, as_vector
from optlab_c.capsules cimport aborted, in_capsule

import numpy as np

from optlab_c.sealed import seal, unseal

cnp.import_array()

cdef extern from "memory.h" nogil:
    void* memory_take(size_t bytes)
    void memory_give_back(void* memory)

cdef extern from "vec.h" nogil:
    size_t vec_bytes(int dtype, int64_t n)

cdef extern from "stochastic/stochastic.h" nogil:
    enum:
        STOCHASTIC_EPOCH
        STOCHASTIC_DONE
    ctypedef enum stochastic_rule:
        pass
    ctypedef enum stochastic_sampler:
        pass
    ctypedef enum stochastic_schedule:
        pass
    ctypedef struct stochastic_options:
        int64_t n
        int64_t samples
        int64_t batch
        int64_t least
        int dtype
        stochastic_rule rule
        stochastic_sampler sampler
        stochastic_schedule schedule
        double rate
        double rate_min
        double decay
        double every
        double warmup
        double momentum
        double beta1
        double beta2
        double eps
        double weight_decay
        double clip_norm
        int64_t average_from
        int search
        double c1
        double shrink
        double grow
        int64_t maxls
        uint64_t seed
    ctypedef struct stochastic_state:
        stochastic_options opt
        int outcome
        int64_t epoch
        int64_t updates
        double rate
        double scale
        double loss
        double best_loss
    ctypedef struct stochastic_memory:
        void* w
        void* best
    ctypedef struct stochastic:
        stochastic_state st
        stochastic_memory mem
    ctypedef struct stochastic_loop:
        stochastic* machine
        const optlab_objective* objective
        int64_t nfev
        int64_t njev
        int want
        int (*poll)(void* ctx) noexcept nogil
        int (*keep)(void* ctx) noexcept nogil
        void* poll_ctx
    size_t stochastic_size(const stochastic_options* opt)
    void stochastic_bind(stochastic* m, void* memory)
    void stochastic_start(stochastic* m)
    int stochastic_advance(stochastic* m)
    optlab_point stochastic_question(const stochastic* m)
    void stochastic_tell(stochastic* m, int told, const optlab_point* point)
    const void* stochastic_point(const stochastic* m)
    int stochastic_run(stochastic_loop* loop)

EPOCH, DONE = STOCHASTIC_EPOCH, STOCHASTIC_DONE

# By the numbers in stochastic.h.
RULES = (
    "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "svrg"
)
SAMPLERS = ("shuffled", "drawn", "ordered")
SCHEDULES = ("constant", "step", "inverse", "exponential", "cosine")


# ---- finite sums ---------------------------------------------------------------------

cdef int sum_eval(void* ctx, int want, optlab_point* point) noexcept with gil:
    """The `optlab_eval` of a PythonSum."""
    cdef PythonSum total = <PythonSum>ctx
    try:
        total.evaluate(want, point)
    except BaseException as error:
        total.error = error
        return -1
    return 0


@cython.final
cdef class PythonSum:
    """A Python function `fun(w, indices) -> (f, g)` as a finite sum of the C interface.

    w and indices are new arrays at every call, so that the function may keep them.
    """

    cdef optlab_objective c
    cdef readonly object function, dtype
    cdef readonly int64_t least_batch
    cdef BaseException error

    def __init__(self, fun, int64_t n, int64_t samples, bint single):
        self.function = fun
        self.least_batch = 1
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self.c.version = OPTLAB_ABI_VERSION
        self.c.dtype = OPTLAB_FLOAT32 if single else OPTLAB_FLOAT64
        self.c.provides = OPTLAB_F | OPTLAB_G | OPTLAB_BATCH
        self.c.n = n
        self.c.n_samples = samples
        self.c.eval = <optlab_eval><void*>sum_eval
        self.c.ctx = <void*>self

    @property
    def n(self):
        """The number of unknowns."""
        return self.c.n

    @property
    def n_samples(self):
        """The number of samples."""
        return self.c.n_samples

    def fun(self, w, indices=None):
        """Value at w over all samples or some."""
        return self.ask(OPTLAB_F, w, indices)[0]

    def fun_and_grad(self, w, indices=None):
        """Value and gradient at w over all samples or some; the gradient is new."""
        return self.ask(OPTLAB_F | OPTLAB_G, w, indices)

    cdef tuple ask(self, int want, w, indices):
        cdef optlab_point point
        cdef cnp.ndarray at = np.ascontiguousarray(w, self.dtype)
        cdef cnp.ndarray g = np.empty(self.c.n, self.dtype)
        cdef cnp.ndarray samples
        point.x = cnp.PyArray_DATA(at)
        point.g = cnp.PyArray_DATA(g)
        if indices is not None:
            samples = np.ascontiguousarray(indices, np.int64)
            want |= OPTLAB_BATCH
            point.index = <const int64_t*>cnp.PyArray_DATA(samples)
            point.n_index = samples.size
        self.evaluate(want, &point)
        return point.f, g

    cdef int evaluate(self, int want, optlab_point* point) except -1:
        cdef int64_t count = self.c.n_samples
        cdef cnp.ndarray w = np.empty(self.c.n, self.dtype)
        cdef cnp.ndarray indices, g
        memcpy(cnp.PyArray_DATA(w), point.x, vec_bytes(self.c.dtype, self.c.n))
        if want & OPTLAB_BATCH:
            count = point.n_index
            indices = np.empty(count, np.int64)
            memcpy(cnp.PyArray_DATA(indices), point.index, count * sizeof(int64_t))
        else:
            indices = np.arange(count)
        answer = self.function(w, indices)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise TypeError(
                "fun must return the pair (mean loss, gradient), got "
                f"{type(answer).__name__}"
            )
        f, slope = answer
        point.f = as_value(f)
        if want & OPTLAB_G:
            g = as_vector(slope, self.c.n, "gradient").astype(self.dtype, copy=False)
            memcpy(point.g, cnp.PyArray_DATA(g), vec_bytes(self.c.dtype, self.c.n))
        return 0


# ---- the machine ---------------------------------------------------------------------

cdef int poll_signals(void* ctx) noexcept with gil:
    """Let signal handlers run; what they raise ends the run."""
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


MAGIC = b"optlab stochastic 1"


@cython.final
cdef class Machine:
    """One stochastic run from w, a vector of float32 or float64.

    Either `run` it, epoch by epoch, or `ask` and `tell`.
    """

    cdef stochastic m
    cdef stochastic_loop loop
    cdef void* memory
    cdef size_t bytes
    cdef object keeper
    cdef BaseException error

    def __init__(
        self,
        cnp.ndarray w not None,
        *,
        int64_t samples,
        int64_t batch,
        int64_t least=1,
        rule,
        sampler,
        schedule,
        double rate,
        double rate_min,
        double decay,
        double every,
        double warmup,
        double momentum,
        double beta1,
        double beta2,
        double eps,
        double weight_decay,
        double clip_norm,
        int64_t average_from,
        bint search,
        double c1,
        double shrink,
        double grow,
        int64_t maxls,
        uint64_t seed,
    ):
        if self.memory != NULL:
            raise RuntimeError("a machine is made once")
        cdef stochastic_options* opt = &self.m.st.opt
        if cnp.PyArray_TYPE(w) not in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64) or not (
            cnp.PyArray_ISCARRAY_RO(w) and w.ndim == 1 and w.size > 0
        ):
            raise TypeError("w must be a contiguous vector of float32 or float64")
        if samples < 1 or not 1 <= batch <= samples:
            raise ValueError("a batch must have at least one and at most all samples")
        opt.n = cnp.PyArray_SIZE(w)
        single = cnp.PyArray_TYPE(w) == cnp.NPY_FLOAT32
        opt.dtype = OPTLAB_FLOAT32 if single else OPTLAB_FLOAT64
        opt.samples = samples
        opt.batch = batch
        opt.least = least
        opt.rule = <stochastic_rule><int>RULES.index(rule)
        opt.sampler = <stochastic_sampler><int>SAMPLERS.index(sampler)
        opt.schedule = <stochastic_schedule><int>SCHEDULES.index(schedule)
        opt.rate = rate
        opt.rate_min = rate_min
        opt.decay = decay
        opt.every = every
        opt.warmup = warmup
        opt.momentum = momentum
        opt.beta1 = beta1
        opt.beta2 = beta2
        opt.eps = eps
        opt.weight_decay = weight_decay
        opt.clip_norm = clip_norm
        opt.average_from = average_from
        opt.search = search
        opt.c1 = c1
        opt.shrink = shrink
        opt.grow = grow
        opt.maxls = maxls
        opt.seed = seed
        self.take_memory()
        memcpy(self.m.mem.w, cnp.PyArray_DATA(w), vec_bytes(opt.dtype, opt.n))
        stochastic_start(&self.m)

    def __dealloc__(self):
        memory_give_back(self.memory)

    cdef int take_memory(self) except -1:
        self.bytes = stochastic_size(&self.m.st.opt)
        self.memory = memory_take(self.bytes)
        if self.memory == NULL:
            raise MemoryError(f"{self.bytes / 1e9:.3g} GB are needed")
        stochastic_bind(&self.m, self.memory)
        self.loop.machine = &self.m
        return 0

    def run(self, objective, keeper=None):
        """Run to the end of the epoch; returns EPOCH, or DONE where the run diverged.

        `objective` is a PythonSum, or a compiled finite sum or its capsule;
        `keeper(machine)`, called now and then, may save the machine.
        """
        cdef int event
        cdef PythonSum python = None
        if isinstance(objective, PythonSum):
            python = objective
            self.loop.objective = &python.c
        else:
            capsule = getattr(objective, "__optlab_objective__", objective)
            self.loop.objective = finite_sum(capsule)
        if (
            self.loop.objective.n != self.m.st.opt.n
            or self.loop.objective.dtype != self.m.st.opt.dtype
            or self.loop.objective.n_samples != self.m.st.opt.samples
        ):
            raise ValueError("the objective is not the one that the run is for")
        self.loop.poll = poll_signals
        self.loop.keep = NULL
        if keeper is not None:
            self.loop.keep = keep
        self.keeper = keeper
        self.loop.poll_ctx = <void*>self
        with nogil:
            event = stochastic_run(&self.loop)
        self.keeper = None
        error, self.error = self.error, None
        if python is not None and error is None:
            error, python.error = python.error, None
        if error is not None:
            raise error
        if event not in (STOCHASTIC_EPOCH, STOCHASTIC_DONE):
            aborted()
        return event

    def ask(self):
        """What is wanted (a mask, or an event), the point, and the samples or None."""
        cdef int want = self.loop.want
        if not want:
            want = stochastic_advance(&self.m)
        if want < 0:
            return want, None, None
        self.loop.want = want
        cdef optlab_point point = stochastic_question(&self.m)
        cdef cnp.ndarray indices = None
        if want & OPTLAB_BATCH:
            indices = np.empty(point.n_index, np.int64)
            memcpy(
                cnp.PyArray_DATA(indices), point.index, point.n_index * sizeof(int64_t)
            )
        return want, self.copy(point.x), indices

    def tell(self, f, g=None):
        """Answer what was asked: f, and g if that is wanted."""
        cdef optlab_point point = stochastic_question(&self.m)
        cdef cnp.ndarray array
        cdef double value = 0.0
        if not self.loop.want:
            raise ValueError("only what was asked for can be told")
        if self.loop.want & OPTLAB_F:
            value = f
        if self.loop.want & OPTLAB_G:
            array = np.ascontiguousarray(g, self.dtype)
            if array.ndim != 1 or array.size != self.m.st.opt.n:
                raise ValueError(f"g must have shape ({self.m.st.opt.n},)")
            memcpy(
                point.g,
                cnp.PyArray_DATA(array),
                vec_bytes(self.m.st.opt.dtype, self.m.st.opt.n),
            )
            self.loop.njev += 1
        if self.loop.want & OPTLAB_F:
            point.f = value
            self.loop.nfev += 1
        stochastic_tell(&self.m, self.loop.want, &point)
        self.loop.want = 0

    # Reading it

    cdef object copy(self, const void* v):
        out = np.empty(self.m.st.opt.n, self.dtype)
        memcpy(
            cnp.PyArray_DATA(<cnp.ndarray>out),
            v,
            vec_bytes(self.m.st.opt.dtype, self.m.st.opt.n),
        )
        return out

    @property
    def dtype(self):
        single = self.m.st.opt.dtype == OPTLAB_FLOAT32
        return np.dtype(np.float32 if single else np.float64)

    @property
    def x(self):
        """A copy of where the run is: the mean of its steps if they are averaged."""
        return self.copy(stochastic_point(&self.m))

    @property
    def best(self):
        """A copy of the point after the epoch of the lowest mean loss."""
        return self.copy(self.m.mem.best)

    @property
    def epoch(self):
        """The number of complete epochs."""
        return self.m.st.epoch

    @property
    def updates(self):
        """The number of steps."""
        return self.m.st.updates

    @property
    def loss(self):
        """The mean loss of the last epoch's batches; NaN before its end."""
        return self.m.st.loss

    @property
    def rate(self):
        """The rate of the last step."""
        return self.m.st.rate

    @property
    def scale(self):
        """What the schedule's rate is multiplied by."""
        return self.m.st.scale

    @scale.setter
    def scale(self, double value):
        self.m.st.scale = value

    @property
    def nfev(self):
        """Evaluations of f."""
        return self.loop.nfev

    @property
    def njev(self):
        """Evaluations of the gradient."""
        return self.loop.njev

    # Saving

    def save(self):
        """The whole state as bytes: `load` continues from it bit for bit."""
        return seal(
            MAGIC,
            (
                sizeof(stochastic_state),
                self.bytes,
                self.loop.want,
                self.loop.nfev,
                self.loop.njev,
            ),
            (<char*>&self.m.st)[: sizeof(stochastic_state)],
            (<char*>self.memory)[: self.bytes],
        )

    @staticmethod
    def load(bytes saved not None):
        """A machine that goes on where another one was saved."""
        cdef Machine self = Machine.__new__(Machine)
        cdef int64_t state, bytes_
        head, body = unseal(MAGIC, 5, saved)
        state, bytes_, self.loop.want, self.loop.nfev, self.loop.njev = head
        if state != sizeof(stochastic_state) or len(body) != state + bytes_:
            raise ValueError("saved: made by another build")
        cdef const char* data = body
        memcpy(&self.m.st, data, state)
        if stochastic_size(&self.m.st.opt) != <size_t>bytes_:
            raise ValueError("saved: made by another build")
        self.take_memory()
        memcpy(self.memory, data + state, self.bytes)
        return self

    def __reduce__(self):
        return Machine.load, (self.save(),)


cdef const optlab_objective* finite_sum(capsule) except NULL:
    """The finite sum in a capsule."""
    cdef const optlab_objective* objective = in_capsule(capsule)
    if not objective.provides & OPTLAB_BATCH or objective.n_samples < 1:
        raise TypeError("fun is no finite sum")
    return objective


def is_finite_sum(capsule):
    """Whether a compiled objective answers for single samples."""
    try:
        finite_sum(capsule)
    except TypeError:
        return False
    return True
