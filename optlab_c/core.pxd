"""The C core (`descent.h`, `stopping.h`, `loop.h`, `linesearch.h`) for Cython."""

from libc.stdint cimport int64_t

from optlab_c.abi cimport optlab_objective, optlab_point

cdef extern from "lapack.h" nogil:
    ctypedef struct lapack_table:
        void* potrf
        void* potrs
        void* syevd
    lapack_table lapack

cdef extern from "linesearch/linesearch.h" nogil:
    ctypedef struct search_options:
        int kind
        int maxls
        int values_first
        double c1
        double c2
        double noise
        int strong
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
    int search_start(
        search* s, double phi0, double dphi0, double ddphi0, double alpha
    )
    int search_advance(search* s, double phi, double dphi, int has_slope)
    int search_wants_slope(const search* s)
    int search_expanding(const search* s)

cdef extern from "descent.h" nogil:
    enum:
        DIRECTION_KINDS
        DIRECTION_STEEPEST
        DIRECTION_BFGS
        DIRECTION_LBFGS
        DIRECTION_LBFGSB
        DIRECTION_NEWTON
        DESCENT_CURVATURE
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
        int bounded
        int boxed
        int beta
        int solved
        int preconditioned
        int trust
        int64_t maxinner
        double radius
        double radius_max
        int refinable
        double hessian_error
        double first_step
        double norm
        search_options search

    ctypedef struct direction_state:
        int64_t count
        int64_t head
        int64_t pairs
        double gamma
        double curvature
        double radius

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
        void* lb
        void* ub
        void* z
        void* S
        void* Y

    ctypedef struct descent:
        descent_state st
        descent_memory mem

    ctypedef struct direction_row:
        const char* name
        void (*apply)(descent* m, const void* v, void* out)
        int (*look)(descent* m)

    const direction_row* direction_rows

    size_t descent_size(const descent_options* opt)
    void descent_bind(descent* m, void* memory)
    void descent_start(descent* m)
    int descent_advance(descent* m)
    optlab_point descent_question(const descent* m)
    void descent_tell(descent* m, int told, const optlab_point* point)
    int descent_doubt(descent* m)
    int descent_refine(descent* m)
    int descent_at_saddle(const descent* m)
    double descent_gnorm(descent* m, int slot)
    int descent_result(const descent* m)
    void bfgs_give_inverse(descent* m, const double* H0)
    void bfgs_inherit(descent* m, descent* other)
    void bfgs_inverse(descent* m, double* H)
    void lbfgs_give_pair(descent* m, const void* s, const void* y)
    const void* lbfgs_pair(const descent* m, int64_t age, int which)

cdef extern from "stopping.h" nogil:
    ctypedef struct stop_tests:
        double gtol
        double ftol
        double xrtol
        double xtol
        int64_t maxiter
        int64_t maxfun

cdef extern from "loop.h" nogil:
    ctypedef struct loop_counts:
        int64_t nfev
        int64_t njev
        int64_t nhev

    ctypedef struct loop_state:
        stop_tests stop
        loop_counts counts
        int status
        int want

    ctypedef struct loop:
        loop_state st
        const optlab_objective* objective
        int products_only
        int (*observe)(void* ctx, const descent* machine) noexcept nogil
        void* observe_ctx
        int (*poll)(void* ctx) noexcept nogil
        int (*keep)(void* ctx) noexcept nogil

    void loop_start(loop* run, descent* machine, const stop_tests* stop)
    int loop_next(loop* run)
    optlab_point loop_question(const loop* run)
    void loop_tell(loop* run, int told, const optlab_point* point)
    void loop_reopen(loop* run)
    int loop_run(loop* run)

cdef extern from "memory.h" nogil:
    void* memory_take(size_t bytes)
    void memory_give_back(void* memory)

cdef extern from "vec.h" nogil:
    size_t vec_bytes(int dtype, int64_t n)
    int vec_all_finite(int dtype, int64_t n, const void* x)
