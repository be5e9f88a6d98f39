"""The C core (`descent.h`, `stopping.h`, `loop.h`, `linesearch.h`) for Cython."""

from libc.stdint cimport int64_t

from optlab_c.abi cimport optlab_objective, optlab_point

cdef extern from "linesearch/linesearch.h" nogil:
    ctypedef struct search_options:
        int kind
        int maxls
        int values_first
        double c1
        double c2
        double noise
        double step_length
        double tol
        double eta
        double rho
        double theta
        double gamma

    ctypedef struct search:
        search_options opt
        double phi0
        double alpha
        double alpha_max
        double noise
        int ntrial

    ctypedef struct search_row:
        const char* name

    enum:
        SEARCH_KINDS
    const search_row* search_rows

    enum:
        SEARCH_ACCEPT
        SEARCH_FAIL
        SEARCH_TRY
        SEARCH_SLOPE

    void search_reset(search* s, const search_options* opt)
    int search_start(search* s, double phi0, double dphi0, double alpha)
    int search_advance(search* s, double phi, double dphi, int has_slope)
    int search_wants_slope(const search* s)
    int search_expanding(const search* s)

cdef extern from "descent.h" nogil:
    enum:
        DIRECTION_KINDS
        DIRECTION_STEEPEST
        DIRECTION_BFGS
        DIRECTION_LBFGS
        DESCENT_ITERATE
        DESCENT_DONE
        PROBES
        SLOTS

    ctypedef struct descent_options:
        int64_t n
        int dtype
        int direction
        int step_rule
        int maxcor
        int corrected
        double first_step
        double norm
        search_options search

    ctypedef struct direction_state:
        int64_t count
        int64_t head
        int64_t pairs
        double gamma

    ctypedef struct descent_state:
        descent_options opt
        int outcome
        int current
        double* f
        int* has_g
        int64_t k
        double gnorm
        double alpha
        double snorm
        search search
        direction_state direction
        double* probe_h
        double* probe_plus
        double* probe_minus
        double probe_slope
        int probe

    ctypedef struct descent_memory:
        void** x
        void** g
        void* S
        void* Y

    ctypedef struct descent:
        descent_state st
        descent_memory mem

    ctypedef struct direction_row:
        const char* name
        void (*apply)(descent* m, const void* v, void* out)

    const direction_row* direction_rows

    size_t descent_size(const descent_options* opt)
    void descent_bind(descent* m, void* memory)
    void descent_start(descent* m)
    int descent_advance(descent* m)
    const void* descent_x(const descent* m)
    void* descent_g(const descent* m)
    void descent_tell(descent* m, double f)
    int descent_result(const descent* m)
    void bfgs_give_inverse(descent* m, const double* H0)
    void bfgs_inverse(descent* m, double* H)
    const void* lbfgs_pair(const descent* m, int64_t age, int which)

cdef extern from "stopping.h" nogil:
    ctypedef struct stop_tests:
        double gtol
        double ftol
        double xrtol
        int64_t maxiter
        int64_t maxfun

cdef extern from "loop.h" nogil:
    ctypedef struct loop_counts:
        int64_t nfev
        int64_t njev
        int64_t nhev

    ctypedef struct loop:
        descent* machine
        const optlab_objective* objective
        stop_tests stop
        loop_counts counts
        int (*observe)(void* ctx, const descent* machine) noexcept nogil
        void* observe_ctx
        int (*poll)(void* ctx) noexcept nogil
        double last_poll

    int loop_run(loop* run)
    int loop_complete_result(loop* run)

cdef extern from "memory.h" nogil:
    void* memory_take(size_t bytes)
    void memory_give_back(void* memory)

cdef extern from "vec.h" nogil:
    size_t vec_bytes(int dtype, int64_t n)
    double vec_norm(int dtype, int64_t n, const void* x, double p)
    int vec_all_finite(int dtype, int64_t n, const void* x)
