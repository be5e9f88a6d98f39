# cython: auto_pickle=False, autotestdict=False
"""Many problems at once: compiled ones, each run to its end, and those that are asked.

`Runs` hands compiled problems to any number of threads, which take them one by one.
`Machines` holds a machine for each problem; all their questions are asked together.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from optlab_c.abi cimport (
    OPTLAB_ABORTED,
    OPTLAB_F,
    OPTLAB_G,
    OPTLAB_H,
    OPTLAB_HV,
    OPTLAB_RUNNING,
    optlab_objective,
    optlab_point,
)
from optlab_c.capsules cimport aborted, in_capsule
from optlab_c.core cimport (
    DIRECTION_NEWTON,
    descent,
    descent_options,
    descent_size,
    loop,
    loop_next,
    loop_question,
    loop_tell,
    memory_give_back,
    memory_take,
    stop_tests,
    vec_bytes,
)
from optlab_c.lapack cimport need_lapack
from optlab_c.machine cimport Settings
from optlab_c.objectives cimport (
    foreign_fun,
    foreign_hv,
    foreign_init,
    foreign_model,
)

import numpy as np

from optlab_c.callables import DTYPES

cnp.import_array()

cdef extern from "lockstep/lockstep.h" nogil:
    enum:
        LOCKSTEP_LANES
    ctypedef struct lockstep_options:
        int64_t n
    ctypedef struct lockstep_batch:
        lockstep_options opt
        int64_t count
        const double* x0
        double* x
        double* f
        double* g
        int64_t* nit
        int64_t* nfev
        int* status
    ctypedef struct lockstep:
        pass
    size_t lockstep_size(const lockstep_options* opt)
    lockstep* lockstep_begin(const lockstep_batch* b, int64_t first, void* memory)
    int lockstep_ask(const lockstep* m, int64_t* problems, double* X)
    int lockstep_tell(
        lockstep* m,
        const lockstep_batch* b,
        const double* f,
        const double* g,
        int64_t* problems,
    )
    int lockstep_left(const lockstep* m)
    void lockstep_peek(const lockstep* m, const lockstep_batch* b)

cdef extern from "batch/batch.h" nogil:
    ctypedef struct batch:
        const descent_options* opt
        const stop_tests* stop
        const optlab_objective** objectives
        const void* x0
        const void* lb
        const void* ub
        int64_t boxes
        void* x
        void* g
        double* f
        double* gnorm
        int64_t* nit
        int64_t* nfev
        int64_t* njev
        int64_t* nhev
        int* status
        unsigned char* saddle
        int (*poll)(void* ctx) noexcept nogil
        void* poll_ctx
    void batch_start(const batch* b, int64_t i, descent* m, void* memory, loop* run)
    void batch_finish(const batch* b, int64_t i, loop* run)
    size_t batch_size(const batch* b)
    int batch_run(const batch* b, int64_t first, int64_t last, void* memory)
    int batch_lockstep(const batch* b, lockstep_options* opt)
    void batch_complete(const batch* b, int64_t i)

cdef extern from "poll.h" nogil:
    double poll_clock()
    int poll_interrupted(
        int (*poll)(void* ctx) noexcept nogil, void* ctx, double* last
    )

cdef extern from *:
    """
    #if defined(_MSC_VER)
    #include <intrin.h>
    #define batch_take(next, some) _InterlockedExchangeAdd64((next), (some))
    #else
    #define batch_take(next, some) __atomic_fetch_add((next), (some), __ATOMIC_RELAXED)
    #endif
    """
    int64_t batch_take(int64_t* next, int64_t some) nogil


# ---- what both have ------------------------------------------------------------------

cdef class Problems:
    """Starts, boxes and results of many problems of one form.

    `X0` has the shape (B, n), `bounds` are two arrays of shape (1, n) or (B, n), all of
    the settings' dtype.
    """

    cdef batch c
    cdef descent_options opt
    cdef stop_tests tests
    cdef readonly int64_t count
    cdef size_t bytes  # of a machine's arena
    cdef tuple kept
    cdef readonly object x, f, g, gnorm, nit, nfev, njev, nhev, status, saddle

    def __init__(
        self, Settings settings not None, cnp.ndarray X0 not None, bounds=None
    ):
        self.opt = settings.descent
        self.tests = settings.stop
        self.count, self.opt.n = X0.shape[0], X0.shape[1]
        if self.opt.direction == DIRECTION_NEWTON:
            need_lapack()
        self.bytes = descent_size(&self.opt)
        dtype = DTYPES[self.opt.dtype]
        shape = (self.count, self.opt.n)
        self.x, self.g = X0.copy(), np.full(shape, np.nan, dtype)
        self.f, self.gnorm = np.full(self.count, np.nan), np.full(self.count, np.nan)
        self.nit, self.nfev, self.njev, self.nhev = np.zeros((4, self.count), np.int64)
        self.status = np.full(self.count, OPTLAB_RUNNING, np.intc)
        self.saddle = np.zeros(self.count, np.bool_)
        lower, upper = (None, None) if bounds is None else bounds
        for array in (X0, lower, upper):
            if array is not None and (
                array.dtype != dtype
                or not array.flags.c_contiguous
                or array.ndim != 2
                or array.shape[1] != self.opt.n
                or array.shape[0] not in (1, self.count)
            ):
                raise TypeError("X0 and bounds must be contiguous rows of the dtype")
        if self.opt.bounded != (bounds is not None):
            raise ValueError("bounds are needed where the settings are bounded")
        self.kept = (X0, lower, upper)
        self.c.opt, self.c.stop = &self.opt, &self.tests
        self.c.x0 = data_of(X0)
        if bounds is not None:
            self.c.lb, self.c.ub = data_of(lower), data_of(upper)
            self.c.boxes = lower.shape[0]
        self.c.x, self.c.g = data_of(self.x), data_of(self.g)
        self.c.f, self.c.gnorm = <double*>data_of(self.f), <double*>data_of(self.gnorm)
        self.c.nit = <int64_t*>data_of(self.nit)
        self.c.nfev = <int64_t*>data_of(self.nfev)
        self.c.njev = <int64_t*>data_of(self.njev)
        self.c.nhev = <int64_t*>data_of(self.nhev)
        self.c.status = <int*>data_of(self.status)
        self.c.saddle = <unsigned char*>data_of(self.saddle)


cdef void* data_of(cnp.ndarray array) noexcept:
    return cnp.PyArray_DATA(array)


# ---- compiled problems ---------------------------------------------------------------

cdef int poll_signals(void* ctx) noexcept with gil:
    """Let signal handlers run, in the main thread; end where another thread has."""
    cdef Runs self = <Runs>ctx
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        self.error = error
    return self.stopped or self.error is not None


cdef int64_t MOST = 1024  # problems that a thread takes at once


@cython.final
cdef class Runs(Problems):
    """Compiled problems, each run to its end, by as many threads as call `work`.

    `objectives` is one capsule for all, a list with one for each, or a tuple of the
    addresses of fun, hv and user data and the bytes from one problem's data to the next
    (0: they have the same), with what keeps them alive.
    """

    cdef const optlab_objective** table
    cdef optlab_objective* made
    cdef foreign_model* models
    cdef object keep
    cdef int64_t next, chunk
    cdef bint stopped
    cdef BaseException error

    def __init__(self, Settings settings not None, cnp.ndarray X0 not None, bounds,
                 objectives, int64_t threads=1):
        cdef int64_t i, least
        cdef lockstep_options opt
        Problems.__init__(self, settings, X0, bounds)
        # Small enough that all threads end at about the same time.
        least = LOCKSTEP_LANES if batch_lockstep(&self.c, &opt) else 1
        self.chunk = max(least, min(MOST, self.count // (4 * threads)))
        self.keep = objectives
        self.table = <const optlab_objective**>calloc(
            max(self.count, 1), sizeof(optlab_objective*)
        )
        if self.table == NULL:
            raise MemoryError
        if isinstance(objectives, tuple):
            fun, hv, data, stride = objectives[:4]
            self.make_foreign(fun, hv, data, stride)
        elif isinstance(objectives, list):
            for i in range(self.count):
                self.table[i] = self.fitting(objectives[i])
        else:
            one = self.fitting(objectives)
            for i in range(self.count):
                self.table[i] = one
        self.c.objectives = self.table
        self.c.poll = poll_signals
        self.c.poll_ctx = <void*>self

    cdef const optlab_objective* fitting(self, capsule) except NULL:
        objective = in_capsule(capsule)
        if objective.n != self.opt.n:
            raise ValueError(
                f"X0 must have {objective.n} columns for this fun, got {self.opt.n}"
            )
        if objective.dtype != self.opt.dtype:
            raise ValueError(f"dtype must be {DTYPES[objective.dtype]} for this fun")
        return objective

    cdef int make_foreign(
        self, size_t fun, size_t hv, size_t data, size_t stride
    ) except -1:
        cdef int64_t i, some = max(self.count, 1)
        self.made = <optlab_objective*>calloc(some, sizeof(optlab_objective))
        self.models = <foreign_model*>calloc(some, sizeof(foreign_model))
        if self.made == NULL or self.models == NULL:
            raise MemoryError
        for i in range(self.count):
            self.models[i].fun = <foreign_fun><void*>fun
            self.models[i].hv = <foreign_hv><void*>hv
            self.models[i].n = <int>self.opt.n
            self.models[i].user_data = <void*>(data + i * stride)
            foreign_init(&self.made[i], &self.models[i])
            self.table[i] = &self.made[i]
        return 0

    def __dealloc__(self):
        free(self.table)
        free(self.made)
        free(self.models)

    def stop(self):
        """Have all threads end soon."""
        self.stopped = True

    def work(self):
        """Take problems and run them, until none is left."""
        cdef void* memory = memory_take(batch_size(&self.c))
        cdef int status
        if memory == NULL:
            raise MemoryError
        try:
            with nogil:
                status = self.take_all(memory)
        finally:
            memory_give_back(memory)
        error, self.error = self.error, None
        if error is not None:
            raise error
        if status != 0:
            aborted()

    cdef int take_all(self, void* memory) noexcept nogil:
        """Non-zero where a problem has failed; the other threads end then, too."""
        cdef int64_t first, last
        cdef double polled = poll_clock()
        cdef bint others
        while True:
            # Runs poll by themselves, but not the short ones.
            if poll_interrupted(poll_signals, <void*>self, &polled) or self.stopped:
                self.stopped = True
                return 0
            first = batch_take(&self.next, self.chunk)
            if first >= self.count:
                return 0
            last = min(first + self.chunk, self.count)
            if batch_run(&self.c, first, last, memory) != 0:
                others = self.stopped or self.error is not None
                self.stopped = True
                return 0 if others else OPTLAB_ABORTED


# ---- problems that are evaluated elsewhere -------------------------------------------

@cython.final
cdef class Machines(Problems):
    """All problems at once: all their questions, then all the answers.

    Where they can go in lockstep they begin so, in blocks; what is given up there goes
    on, like all others, with a machine of its own.
    """

    cdef void* blocks_memory
    cdef lockstep_batch lanes
    cdef lockstep** blocks
    cdef int64_t count_blocks
    cdef int64_t asked_in_blocks

    cdef void** memory  # of each problem's machine, once it has one
    cdef descent* machines
    cdef loop* loops
    cdef int64_t* running
    cdef int64_t left

    cdef int64_t* asked  # the problems of the present questions
    cdef int* wanted
    cdef int64_t number  # of questions
    cdef int64_t* spent  # evaluations in lockstep

    def __init__(
        self, Settings settings not None, cnp.ndarray X0 not None, bounds=None
    ):
        cdef int64_t i, some
        Problems.__init__(self, settings, X0, bounds)
        some = max(self.count, 1)
        self.memory = <void**>calloc(some, sizeof(void*))
        self.machines = <descent*>calloc(some, sizeof(descent))
        self.loops = <loop*>calloc(some, sizeof(loop))
        self.running = <int64_t*>calloc(some, sizeof(int64_t))
        self.asked = <int64_t*>calloc(some, sizeof(int64_t))
        self.wanted = <int*>calloc(some, sizeof(int))
        self.spent = <int64_t*>calloc(some, sizeof(int64_t))
        if (
            self.memory == NULL
            or self.machines == NULL
            or self.loops == NULL
            or self.running == NULL
            or self.asked == NULL
            or self.wanted == NULL
            or self.spent == NULL
        ):
            raise MemoryError
        self.number = self.count
        if batch_lockstep(&self.c, &self.lanes.opt):
            self.begin_blocks()
        else:
            for i in range(self.count):
                self.begin(i)

    def __dealloc__(self):
        cdef int64_t i
        if self.memory != NULL:
            for i in range(self.count):
                memory_give_back(self.memory[i])
        memory_give_back(self.blocks_memory)
        free(self.blocks)
        free(self.memory)
        free(self.machines)
        free(self.loops)
        free(self.running)
        free(self.asked)
        free(self.wanted)
        free(self.spent)

    cdef int begin_blocks(self) except -1:
        cdef int64_t k
        cdef size_t size = lockstep_size(&self.lanes.opt)
        self.lanes.count = self.count
        self.lanes.x0 = <const double*>self.c.x0
        self.lanes.x, self.lanes.g = <double*>self.c.x, <double*>self.c.g
        self.lanes.f = self.c.f
        self.lanes.nit, self.lanes.nfev = self.c.nit, self.c.nfev
        self.lanes.status = self.c.status
        self.count_blocks = (self.count + LOCKSTEP_LANES - 1) // LOCKSTEP_LANES
        self.blocks_memory = memory_take(max(self.count_blocks, 1) * size)
        self.blocks = <lockstep**>calloc(max(self.count_blocks, 1), sizeof(lockstep*))
        if self.blocks_memory == NULL or self.blocks == NULL:
            raise MemoryError(f"{self.count_blocks * size / 1e9:.3g} GB are needed")
        for k in range(self.count_blocks):
            self.blocks[k] = lockstep_begin(
                &self.lanes, k * LOCKSTEP_LANES, <char*>self.blocks_memory + k * size
            )
        return 0

    cdef int begin(self, int64_t i) except -1:
        """Problem i begins with a machine of its own."""
        self.memory[i] = memory_take(self.bytes)
        if self.memory[i] == NULL:
            raise MemoryError(
                f"{self.count * self.bytes / 1e9:.3g} GB are needed for {self.count} "
                "problems"
            )
        batch_start(&self.c, i, &self.machines[i], self.memory[i], &self.loops[i])
        self.running[self.left] = i
        self.left += 1
        return 0

    cdef void end(self, int64_t i) noexcept:
        """Take the results of problem i, as they are."""
        batch_finish(&self.c, i, &self.loops[i])
        self.c.nfev[i] += self.spent[i]
        self.c.njev[i] += self.spent[i]

    def questions(self):
        """The problems that ask, what each of them wants (a mask), and where.

        They are the same until they are answered; none, where all runs have ended.
        """
        cdef int64_t i, k, still = 0
        cdef int want
        cdef size_t row = vec_bytes(self.opt.dtype, self.opt.n)
        # No more than ever before.
        X = np.empty((self.number, self.opt.n), DTYPES[self.opt.dtype])
        cdef char* rows = <char*>data_of(X)
        self.number = 0
        for k in range(self.count_blocks):
            self.number += lockstep_ask(
                self.blocks[k],
                self.asked + self.number,
                <double*>(rows + self.number * row),
            )
        self.asked_in_blocks = self.number
        for k in range(self.number):
            self.wanted[k] = OPTLAB_F | OPTLAB_G
        for k in range(self.left):
            i = self.running[k]
            want = loop_next(&self.loops[i])
            if want == 0:
                self.end(i)
                memory_give_back(self.memory[i])
                self.memory[i] = NULL
                continue
            self.running[still] = i
            still += 1
            self.asked[self.number] = i
            self.wanted[self.number] = want
            memcpy(rows + self.number * row, loop_question(&self.loops[i]).x, row)
            self.number += 1
        self.left = still
        which = np.empty(self.number, np.int64)
        wants = np.empty(self.number, np.intc)
        memcpy(data_of(which), self.asked, self.number * sizeof(int64_t))
        memcpy(data_of(wants), self.wanted, self.number * sizeof(int))
        return which, wants, X[: self.number]

    def vectors(self, int64_t[::1] positions not None):
        """The vectors whose products are wanted, by these of the questions."""
        cdef int64_t i, k
        cdef size_t row = vec_bytes(self.opt.dtype, self.opt.n)
        V = np.empty((positions.shape[0], self.opt.n), DTYPES[self.opt.dtype])
        cdef char* rows = <char*>data_of(V)
        for k in range(positions.shape[0]):
            i = self.at(positions[k])
            memcpy(rows + k * row, loop_question(&self.loops[i]).v, row)
        return V

    cdef int64_t at(self, int64_t position) except -1:
        if not self.asked_in_blocks <= position < self.number:
            raise IndexError("there is no such question")
        return self.asked[position]

    def tell(self, int64_t[::1] positions not None, cnp.ndarray F=None,
             cnp.ndarray G=None, cnp.ndarray HV=None, cnp.ndarray H=None):
        """Answer these of the questions: rows for each, contiguous and of the dtype.

        What was not asked for is left aside; f and g count where they were evaluated.
        """
        cdef int64_t k, i, size = self.opt.n * self.opt.n, done = 0
        cdef int told, offered = 0
        cdef double* values = NULL
        cdef optlab_point point
        cdef loop* run
        bits = (OPTLAB_F, OPTLAB_G, OPTLAB_HV, OPTLAB_H)
        for bit, rows in zip(bits, (F, G, HV, H)):
            if rows is not None:
                if len(rows) != positions.shape[0]:
                    raise ValueError("answers must be as many as questions")
                offered |= <int>bit
        if F is not None:
            values = <double*>data_of(F)
        if self.asked_in_blocks > 0:
            if positions.shape[0] != self.number or F is None or G is None:
                raise ValueError("all questions must be answered at once")
            done = self.tell_blocks(values, <double*>data_of(G))
        for k in range(done, positions.shape[0]):
            i = self.at(positions[k])
            run = &self.loops[i]
            point = loop_question(run)
            told = self.wanted[positions[k]] & offered
            if told & OPTLAB_F:
                point.f = values[k]
            if told & OPTLAB_G:
                self.put(G, k, self.opt.n, point.g)
            if told & (OPTLAB_F | OPTLAB_G):
                run.st.counts.nfev += (offered & OPTLAB_F) != 0
                run.st.counts.njev += (offered & OPTLAB_G) != 0
            if told & OPTLAB_HV:
                self.put(HV, k, self.opt.n, point.hv)
            if told & OPTLAB_H:
                self.put(H, k, size, point.h)
            if told & (OPTLAB_HV | OPTLAB_H):
                run.st.counts.nhev += 1
            if told:
                loop_tell(run, told, &point)
                self.wanted[positions[k]] &= ~told

    cdef int64_t tell_blocks(self, const double* F, const double* G) except -1:
        """Answer the blocks' questions, which come first; returns their number."""
        cdef int64_t k, first, last, still = 0, end = self.asked_in_blocks
        cdef int64_t given_up[LOCKSTEP_LANES]
        cdef int j, number
        last = 0
        for k in range(self.count_blocks):
            first = last
            while last < end and self.asked[last] // LOCKSTEP_LANES == (
                self.asked[first] // LOCKSTEP_LANES
            ):
                last += 1
            number = lockstep_tell(
                self.blocks[k], &self.lanes, F + first, G + first * self.opt.n, given_up
            )
            for j in range(number):
                self.spent[given_up[j]] = self.c.nfev[given_up[j]]
                self.begin(given_up[j])
            for j in range(<int>(last - first)):
                if self.c.status[self.asked[first + j]] != OPTLAB_RUNNING:
                    batch_complete(&self.c, self.asked[first + j])
            if lockstep_left(self.blocks[k]) > 0:
                self.blocks[still] = self.blocks[k]
                still += 1
        self.count_blocks = still
        self.asked_in_blocks = 0
        return end

    cdef void put(
        self, cnp.ndarray rows, int64_t k, int64_t size, void* where
    ) noexcept:
        cdef size_t bytes = vec_bytes(self.opt.dtype, size)
        memcpy(where, <char*>data_of(rows) + k * bytes, bytes)

    def finish(self):
        """Take the results of those that have not ended, as they are."""
        cdef int64_t i, k
        for k in range(self.count_blocks):
            lockstep_peek(self.blocks[k], &self.lanes)
        for k in range(self.asked_in_blocks):
            batch_complete(&self.c, self.asked[k])
        for k in range(self.left):
            i = self.running[k]
            if self.loops[i].st.counts.nfev > 0:
                self.end(i)
