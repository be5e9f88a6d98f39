"""What this build was made of and which clones of its kernels this machine runs.

The loader chooses among the clones of a kernel (multiversion.h) by the same processor
features that are asked for here, so the answer is the choice and not a guess.
"""

cdef extern from *:
    """
    #include "multiversion.h"

    static const char *instruction_set_in_use(void) {
    #ifdef OPTLAB_HAS_CLONES
        __builtin_cpu_init();
        if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
        if (__builtin_cpu_supports("x86-64-v3")) return "x86-64-v3";
        return "x86-64";
    #else
        return "the compiler's default";
    #endif
    }

    #ifdef OPTLAB_HAS_CLONES
    #define CLONES "x86-64-v4 x86-64-v3 x86-64"
    #else
    #define CLONES ""
    #endif

    #if defined(__clang__)
    #define COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define COMPILER "gcc " __VERSION__
    #elif defined(_MSC_VER)
    #define COMPILER "msvc"
    #else
    #define COMPILER "unknown"
    #endif
    """
    const char* instruction_set_in_use() noexcept
    const char* CLONES
    const char* COMPILER


def instruction_set():
    """The variant of the kernels that runs on this machine."""
    return instruction_set_in_use().decode()


def clones():
    """The variants that were compiled, best first; empty without multiversioning."""
    return tuple(CLONES.decode().split())


def compiler():
    """The C compiler that built the cores."""
    return COMPILER.decode().strip()
