# cython: auto_pickle=False, autotestdict=False
"""Neural nets in C (`nn/net.h`): their structure, losses and whatever else they answer.

A `Net` is built operation by operation; `objective` makes a capsule of its mean loss.
Numbers are checked here only as far as memory depends on them: what users hand in is
checked in `optlab.nn`.
"""

cimport numpy as cnp
from cpython.exc cimport PyErr_Occurred
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from optlab_c.abi cimport OPTLAB_FLOAT32, OPTLAB_FLOAT64, optlab_objective
from optlab_c.objectives cimport capsule_of
from optlab_c.routines cimport routine

import numpy as np

cnp.import_array()

cdef extern from "nn/blas.h" nogil:
    ctypedef struct blas_table:
        void* dgemm
        void* sgemm
    blas_table blas

cdef extern from "nn/net.h" nogil:
    enum:
        NET_PARAMETERS
        NET_FIXED
        NET_BUFFER
    ctypedef enum net_kind:
        NET_AFFINE
        NET_NORM
        NET_ACTIVATE
    ctypedef enum net_function:
        NET_IDENTITY
        NET_TANH
        NET_SIGMOID
        NET_SOFTPLUS
        NET_RELU
        NET_GELU
        NET_LEAKY
        NET_SWISH
        NET_ACON_B
        NET_ACON_C
        NET_MAXOUT
        NET_SMOOTH_MAXOUT
        NET_COMPOSITE
        NET_FUNCTIONS
    ctypedef enum net_join:
        NET_JOINS
    ctypedef enum net_loss:
        NET_CROSS_ENTROPY
        NET_LOGISTIC
        NET_SQUARED
        NET_HUBER
    ctypedef struct net_op:
        net_kind kind
        int source
        int target
        int adds
        int64_t columns
        int64_t weights
        int64_t bias
        int64_t scale
        int64_t shift
        double eps
        net_function function
        int pieces
        net_function first
        net_function second
        net_join join
        int parameters
        int64_t* offset
        double* value
        int source2
    ctypedef struct net_buffer:
        int64_t columns
        int readers
    ctypedef struct net:
        int dtype
        int64_t n
        int ops
        int buffers
        int norms
        net_op* op
        net_buffer* buffer
    ctypedef struct net_penalty:
        int64_t start
        int64_t stop
        double precision
    ctypedef struct net_sum:
        const net* net
        int64_t samples
        const void* x
        const void* y
        const void* weights
        net_loss loss
        double parameter
        int penalties
        const net_penalty* penalty
        const void* mean
        int threads
        int width
        int (*poll)(void*) noexcept nogil
    ctypedef struct net_question:
        const net* net
        int64_t rows
        const void* x
        const void* w
        int threads
        int width
        const void** statistics
        void* outputs
        void** found
        const void* derivative
        void** values
        void** derivatives
        int (*poll)(void*) noexcept nogil
    ctypedef struct net_curve:
        const net_op* op
        int dtype
        int width
        int64_t m
        const void* z
        const void* v
        const void* parameters
        void* value
        void* slope
        void* change
        void* scratch
    void net_init(optlab_objective* objective, net_sum* sum)
    void net_discard(net_sum* sum)
    int net_answer(const net_question* question)
    void net_draw(const net_curve* curve)

IDENTITY, RELU, SOFTPLUS, SIGMOID, TANH, GELU = (
    NET_IDENTITY, NET_RELU, NET_SOFTPLUS, NET_SIGMOID, NET_TANH, NET_GELU
)
LEAKY, SWISH, ACON_B, ACON_C = NET_LEAKY, NET_SWISH, NET_ACON_B, NET_ACON_C
MAXOUT, SMOOTH_MAXOUT, COMPOSITE = NET_MAXOUT, NET_SMOOTH_MAXOUT, NET_COMPOSITE
CROSS_ENTROPY, LOGISTIC, SQUARED, HUBER = (
    NET_CROSS_ENTROPY, NET_LOGISTIC, NET_SQUARED, NET_HUBER
)

# What composites are made of, by the numbers in net.h.
UNARY = (
    "identity", "negation", "abs", "square", "cube", "sqrt_abs", "exp", "log_abs",
    "sin", "cos", "tanh", "atan", "erf", "sigmoid", "softplus", "relu", "min0",
    "gaussian", "gelu",
)
BINARY = (
    "sum", "difference", "product", "max", "min", "gate", "smooth_max", "quotient"
)
assert len(UNARY) == NET_LEAKY and len(BINARY) == NET_JOINS

cdef int WIDEST = 64  # bytes in a vector; the machine's own limit holds as well

# How many parameters the others have.
PARAMETERS = {
    LEAKY: 1, SWISH: 1, ACON_B: 2, ACON_C: 3, MAXOUT: 0, SMOOTH_MAXOUT: 1, COMPOSITE: 3
}


cdef int need_blas() except -1:
    """Fill the core's table, once: the import costs more than training a small net."""
    if blas.sgemm != NULL:
        return 0
    from scipy.linalg import cython_blas

    blas.dgemm = routine(cython_blas, "dgemm", 13)
    blas.sgemm = routine(cython_blas, "sgemm", 13)
    return 0


cdef extern from "Python.h":
    # Without Cython's notice, so that the exception stays for whoever called.
    int check_signals "PyErr_CheckSignals"()


cdef int poll_signals(void* unused) noexcept with gil:
    """Let signal handlers run; what they raise ends the evaluation, and is set then."""
    return check_signals()


cdef void discard(void* ctx) noexcept nogil:
    cdef net_sum* model = <net_sum*>ctx
    net_discard(model)
    free(<void*>model.penalty)
    free(model)


cdef class Net:
    """The structure of a net: a list of operations on buffers.

    `inputs` is the number of columns of the data, buffer 0; `n` the length of w. The
    buffer that is filled last holds the outputs. `width` limits the bytes in a vector,
    for tests.
    """

    cdef net c
    cdef readonly object dtype
    cdef int typenum
    cdef int width

    def __cinit__(self, int64_t inputs, int64_t n, bint single, int width=WIDEST):
        self.c.dtype = OPTLAB_FLOAT32 if single else OPTLAB_FLOAT64
        self.c.n = n
        self.typenum = cnp.NPY_FLOAT32 if single else cnp.NPY_FLOAT64
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self.width = width
        self.new_buffer(inputs)

    def __dealloc__(self):
        free(self.c.op)
        free(self.c.buffer)

    def __reduce__(self):
        raise TypeError("cannot pickle a Net: build it again")

    @property
    def n(self):
        return self.c.n

    @property
    def inputs(self):
        return self.c.buffer[0].columns

    @property
    def outputs(self):
        return self.c.buffer[self.c.buffers - 1].columns

    @property
    def widths(self):
        return [self.c.buffer[i].columns for i in range(self.c.buffers)]

    @property
    def norms(self):
        return self.c.norms

    # Building

    cdef int new_buffer(self, int64_t columns) except -1:
        cdef net_buffer* more
        if columns < 1:
            raise ValueError(f"a buffer needs columns, not {columns}")
        more = <net_buffer*>realloc(
            self.c.buffer, (self.c.buffers + 1) * sizeof(net_buffer)
        )
        if more == NULL:
            raise MemoryError
        self.c.buffer = more
        more[self.c.buffers].columns = columns
        more[self.c.buffers].readers = 0
        self.c.buffers += 1
        return self.c.buffers - 1

    cdef int read(self, int buffer) except -1:
        """Note a reader; a second one adds on the way back to what the last one set."""
        if not 0 <= buffer < self.c.buffers:
            raise ValueError(f"there is no buffer {buffer}")
        self.c.buffer[buffer].readers += 1
        for i in range(self.c.ops):
            if self.c.op[i].source == buffer:
                if self.c.op[i].kind == NET_NORM:
                    raise ValueError("what a norm reads must have no other reader")
                self.c.op[i].adds = True
        return 0

    cdef net_op* new_op(self, net_kind kind, int source, int64_t columns) except NULL:
        cdef net_op* more
        self.read(source)
        more = <net_op*>realloc(self.c.op, (self.c.ops + 1) * sizeof(net_op))
        if more == NULL:
            raise MemoryError
        self.c.op = more
        target = self.new_buffer(columns)
        cdef net_op* op = &more[self.c.ops]
        memset(op, 0, sizeof(net_op))
        op.kind = kind
        op.source = source
        op.target = target
        op.columns = columns
        op.pieces = 1
        op.source2 = -1
        self.c.ops += 1
        return op

    cdef int64_t within(self, int64_t start, int64_t size) except -1:
        if start < 0 or start + size > self.c.n:
            raise ValueError(f"w has no room for {size} numbers from {start} on")
        return start

    def affine(self, int source, int64_t outputs, int64_t weights, int64_t bias=-1):
        """A new buffer: source times weights, with a bias if it has a place in w."""
        cdef net_op* op = self.new_op(NET_AFFINE, source, outputs)
        inputs = self.c.buffer[source].columns
        op.weights = self.within(weights, inputs * outputs)
        op.bias = -1 if bias < 0 else self.within(bias, outputs)
        if inputs * (outputs + 16) * self.dtype.itemsize > 1 << 18:
            need_blas()  # where products of our own end; see OWN_LIMIT
        return op.target

    def norm(self, int source, int64_t scale, int64_t shift, double eps):
        """A new buffer: source normalised over the samples, scaled and shifted."""
        if self.c.buffer[source].readers > 0:
            raise ValueError("what a norm reads must have no other reader")
        columns = self.c.buffer[source].columns
        cdef net_op* op = self.new_op(NET_NORM, source, columns)
        op.scale = self.within(scale, columns)
        op.shift = self.within(shift, columns)
        op.eps = eps
        self.c.norms += 1
        return op.target

    def activate(
        self, int source, int kind, *, int pieces=1, offsets=(), values=(),
        int source2=-1, parts=()
    ):
        """A new buffer: an activation of source.

        `offsets` tells of each parameter where it starts in w, or -1: it is the number
        in `values` for all units; or -2: it is the buffer `source2`, which only the
        last parameter may be. `parts` are the numbers of a composite's functions: how
        it joins, first and second.
        """
        cdef net_op* op
        if not 0 <= kind < NET_FUNCTIONS:
            raise ValueError(f"there is no activation {kind}")
        columns = self.c.buffer[source].columns
        several = kind in (NET_MAXOUT, NET_SMOOTH_MAXOUT)
        if pieces < 1 or columns % pieces or (pieces > 1 and not several):
            raise ValueError(f"{columns} columns cannot be {pieces} pieces")
        if source2 >= 0 and (
            source2 >= self.c.buffers
            or source2 == source
            or self.c.buffer[source2].readers > 0
            or self.c.buffer[source2].columns * pieces != columns
        ):
            raise ValueError(f"buffer {source2} cannot be a parameter")
        op = self.new_op(NET_ACTIVATE, source, columns // pieces)
        op.pieces = pieces
        fill_activation(op, kind, offsets, values, parts)
        for k in range(op.parameters):
            if op.offset[k] >= 0:
                self.within(op.offset[k], op.columns)
            second = source2 >= 0 and k == op.parameters - 1
            if (op.offset[k] == NET_BUFFER) != second:
                raise ValueError("the last parameter is the second buffer, and only it")
        if source2 >= 0:
            self.read(source2)
            op.source2 = source2
        return op.target

    # Answers

    cdef cnp.ndarray given(self, object value, int ndim, str name):
        """An array of the net's dtype, contiguous."""
        if (
            not isinstance(value, np.ndarray)
            or value.dtype != self.dtype
            or not value.flags.c_contiguous
            or value.ndim != ndim
        ):
            raise TypeError(f"{name} must be contiguous, of {self.dtype}, {ndim}-d")
        return value

    cdef cnp.ndarray given_w(self, object w):
        cdef cnp.ndarray array = self.given(w, 1, "w")
        if array.size != self.c.n:
            raise ValueError(f"w must have shape ({self.c.n},), not {w.shape}")
        return array

    cdef cnp.ndarray given_rows(self, object X, int64_t columns, str name):
        cdef cnp.ndarray array = self.given(X, 2, name)
        if array.shape[1] != columns:
            given = array.shape[1]
            raise ValueError(f"{name} must have {columns} columns, not {given}")
        return array

    cdef int answer(self, net_question* question, w, X, int threads) except -1:
        cdef cnp.ndarray parameters = self.given_w(w)
        cdef cnp.ndarray data = self.given_rows(X, self.c.buffer[0].columns, "X")
        cdef int failed
        question.net = &self.c
        question.rows = data.shape[0]
        question.x = cnp.PyArray_DATA(data)
        question.w = cnp.PyArray_DATA(parameters)
        question.threads = threads
        question.width = self.width
        question.poll = poll_signals
        with nogil:
            failed = net_answer(question)
        if failed:
            if PyErr_Occurred() == NULL:
                raise MemoryError
            return -1
        return 0

    def forward(self, w, X, statistics=None, int threads=1):
        """Outputs for the rows of X.

        `statistics` are mean and variance of each norm, in their order; without, they
        are those of X.
        """
        cdef net_question question
        cdef _Pointers given = None
        memset(&question, 0, sizeof(question))
        if statistics is not None:
            given = self.pointers_to(statistics)
            question.statistics = <const void**>given.pointer
        out = np.empty((len(X), self.outputs), self.dtype)
        question.outputs = cnp.PyArray_DATA(<cnp.ndarray>out)
        self.answer(&question, w, X, threads)
        return out

    def statistics(self, w, X, int threads=1):
        """Mean and variance over the rows of X of what each norm reads."""
        cdef net_question question
        memset(&question, 0, sizeof(question))
        pairs = [
            (np.empty(columns, self.dtype), np.empty(columns, self.dtype))
            for columns in self.norm_columns()
        ]
        cdef _Pointers found = self.pointers_to(pairs)
        question.found = found.pointer
        self.answer(&question, w, X, threads)
        return pairs

    def trace(self, w, X, delta):
        """Values of all buffers, and derivatives of sum(delta * outputs) by them."""
        cdef net_question question
        memset(&question, 0, sizeof(question))
        shapes = [(len(X), columns) for columns in self.widths[1:]]
        values = [np.empty(shape, self.dtype) for shape in shapes]
        slopes = [np.empty(shape, self.dtype) for shape in shapes]
        cdef _Pointers to_values = _Pointers([X, *values])
        cdef _Pointers to_slopes = _Pointers([X, *slopes])
        cdef cnp.ndarray derivative = self.given_rows(delta, self.outputs, "delta")
        if derivative.shape[0] != len(X):
            raise ValueError("delta must have a row for each row of X")
        question.values = to_values.pointer
        question.derivatives = to_slopes.pointer
        question.derivative = cnp.PyArray_DATA(derivative)
        self.answer(&question, w, X, 1)
        return [X, *values], [None, *slopes]

    cdef list norm_columns(self):
        return [
            self.c.op[i].columns
            for i in range(self.c.ops)
            if self.c.op[i].kind == NET_NORM
        ]

    cdef _Pointers pointers_to(self, statistics):
        arrays = []
        for pair, columns in zip(statistics, self.norm_columns(), strict=True):
            for array in pair:
                if self.given(array, 1, "statistics").size != columns:
                    raise ValueError("statistics must have a number for each unit")
                arrays.append(array)
        return _Pointers(arrays)


cdef class _Pointers:
    """The addresses of some arrays, which are kept."""

    cdef void** pointer
    cdef list arrays

    def __cinit__(self, list arrays):
        self.arrays = arrays
        self.pointer = <void**>calloc(len(arrays) + 1, sizeof(void*))
        if self.pointer == NULL:
            raise MemoryError
        for i, array in enumerate(arrays):
            self.pointer[i] = cnp.PyArray_DATA(<cnp.ndarray?>array)

    def __dealloc__(self):
        free(self.pointer)


cdef int fill_activation(net_op* op, int kind, offsets, values, parts) except -1:
    op.function = <net_function>kind
    op.parameters = PARAMETERS.get(kind, 0)
    if len(offsets) != op.parameters or len(values) != op.parameters:
        raise ValueError(
            f"activation {kind} has {op.parameters} parameter(s), not {len(offsets)}"
        )
    for k in range(op.parameters):
        op.offset[k] = offsets[k]
        op.value[k] = values[k]
    if kind == NET_COMPOSITE:
        join, first, second = parts
        if not (0 <= join < NET_JOINS and 0 <= first < NET_LEAKY > second >= 0):
            raise ValueError(f"there is no composite {parts}")
        op.join = <net_join><int>join
        op.first = <net_function><int>first
        op.second = <net_function><int>second
    return 0


def objective(
    Net net_,
    X,
    y,
    weights,
    int loss,
    double parameter,
    penalties,
    mean,
    int threads=1,
):
    """Capsule of the mean loss of a net; see net.h. The arrays are kept, not copied.

    `y` holds int32 labels, or rows of targets; `weights` has the mean 1, or is None;
    `parameter` is the smoothing of labels, or Huber's delta; `penalties` are triples of
    start, stop and precision; `mean` is what w is drawn to, or None for 0.
    """
    cdef cnp.ndarray data = net_.given_rows(X, net_.inputs, "X")
    cdef cnp.ndarray targets
    cdef int64_t rows = data.shape[0]
    if loss == NET_CROSS_ENTROPY:
        targets = np.ascontiguousarray(y, np.int32)
    else:
        targets = net_.given_rows(y, net_.outputs, "y")
    if len(targets) != rows or rows == 0 or threads < 1:
        raise ValueError("X and y must have the same number of rows, and some")
    cdef net_sum* model = <net_sum*>calloc(1, sizeof(net_sum))
    cdef net_penalty* penalty = <net_penalty*>calloc(
        len(penalties) + 1, sizeof(net_penalty)
    )
    if model == NULL or penalty == NULL:
        free(model)
        free(penalty)
        raise MemoryError
    try:
        for i, (start, stop, precision) in enumerate(penalties):
            net_.within(start, stop - start)
            penalty[i].start = start
            penalty[i].stop = stop
            penalty[i].precision = precision
        if weights is not None:
            if net_.given(weights, 1, "weights").size != rows:
                raise ValueError("weights must have a number for each row of X")
            model.weights = cnp.PyArray_DATA(<cnp.ndarray>weights)
        if mean is not None:
            model.mean = cnp.PyArray_DATA(net_.given_w(mean))
    except BaseException:
        free(model)
        free(penalty)
        raise
    model.net = &net_.c
    model.samples = rows
    model.x = cnp.PyArray_DATA(data)
    model.y = cnp.PyArray_DATA(targets)
    model.loss = <net_loss>loss
    model.parameter = parameter
    model.penalties = len(penalties)
    model.penalty = penalty
    model.threads = threads
    model.width = net_.width
    model.poll = poll_signals
    cdef optlab_objective made
    net_init(&made, model)
    return capsule_of(made, discard, (net_, X, targets, weights, mean))


def activation(int kind, int pieces, parts, values, z, v, int width=WIDEST):
    """An activation alone: values, slopes, and the change of the slopes along v.

    z has a row for each piece, v one for each piece and parameter; slopes are by the
    pieces, then by the parameters.
    """
    cdef net_op op
    cdef net_curve curve
    memset(&op, 0, sizeof(op))
    offsets = [NET_FIXED] * len(values)
    fill_activation(&op, kind, offsets, values, parts)
    op.pieces = pieces
    z = np.ascontiguousarray(z)
    single = z.dtype == np.float32
    if z.ndim != 2 or len(z) != pieces or z.dtype not in (np.float32, np.float64):
        raise TypeError("z must be a matrix of floats with a row for each piece")
    m = z.shape[1]
    count = pieces + op.parameters
    v = np.ascontiguousarray(
        [np.broadcast_to(np.asarray(row, z.dtype), m) for row in v], z.dtype
    )
    if v.shape != (count, m):
        raise ValueError("v must have a row for each piece and parameter")
    parameters = np.ascontiguousarray(
        [np.broadcast_to(np.asarray(p, z.dtype), m) for p in values], z.dtype
    )
    value = np.empty(m, z.dtype)
    slope, change = np.empty((count, m), z.dtype), np.empty((count, m), z.dtype)
    scratch = np.empty((17, m), z.dtype)
    curve.op = &op
    curve.dtype = OPTLAB_FLOAT32 if single else OPTLAB_FLOAT64
    curve.width = width
    curve.m = m
    curve.z = cnp.PyArray_DATA(<cnp.ndarray>z)
    curve.v = cnp.PyArray_DATA(<cnp.ndarray>v)
    curve.parameters = cnp.PyArray_DATA(<cnp.ndarray>parameters)
    curve.value = cnp.PyArray_DATA(<cnp.ndarray>value)
    curve.slope = cnp.PyArray_DATA(<cnp.ndarray>slope)
    curve.change = cnp.PyArray_DATA(<cnp.ndarray>change)
    curve.scratch = cnp.PyArray_DATA(<cnp.ndarray>scratch)
    net_draw(&curve)
    return value, list(slope), list(change)
