"""The names that a C file can give its function, and the one that it gives by default."""

from __future__ import annotations

import re

_KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    alignas alignof bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual asm fortran
    and and_eq bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield compl concept const_cast
    consteval constinit decltype delete dynamic_cast explicit export friend import module mutable namespace new noexcept
    not not_eq operator or or_eq private protected public reinterpret_cast requires static_cast template this throw try
    typeid typename using virtual wchar_t xor xor_eq
"""
# Of math.h, for each type; and what compilers and older libraries have there beside them.
_OF_EACH_TYPE = """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor fma fmax
    fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf nan nearbyint
    nextafter nexttoward pow remainder remquo rint round scalbln scalbn sin sinh sqrt tan tanh tgamma trunc
    drem exp10 finite gamma isinf isnan j0 j1 jn pow10 scalb significand sincos y0 y1 yn
"""
_MACROS = """
    fpclassify isfinite isnormal signbit isgreater isgreaterequal isless islessequal islessgreater isunordered
    INFINITY NAN HUGE_VAL HUGE_VALF HUGE_VALL FP_INFINITE FP_NAN FP_NORMAL FP_SUBNORMAL FP_ZERO FP_FAST_FMA FP_ILOGB0
    FP_ILOGBNAN MATH_ERRNO MATH_ERREXCEPT math_errhandling signgam matherr
    NULL EOF BUFSIZ FILENAME_MAX FOPEN_MAX L_tmpnam SEEK_CUR SEEK_END SEEK_SET TMP_MAX stdin stdout stderr
    assert errno offsetof setjmp va_arg va_copy va_end va_start linux unix i386 arm
"""
# Functions and types of the rest of the library: all their names are reserved, and compilers know many of them.
_LIBRARY = """
    FILE fpos_t size_t ptrdiff_t va_list jmp_buf time_t clock_t div_t ldiv_t lldiv_t
    clearerr fclose feof ferror fflush fgetc fgetpos fgets fopen fprintf fputc fputs fread freopen fscanf fseek fsetpos
    ftell fwrite getc getchar gets perror printf putc putchar puts remove rename rewind scanf setbuf setvbuf snprintf
    sprintf sscanf tmpfile tmpnam ungetc vfprintf vfscanf vprintf vscanf vsnprintf vsprintf vsscanf
    abort abs atexit atof atoi atol atoll bsearch calloc div exit free getenv labs ldiv llabs lldiv malloc mblen
    mbstowcs mbtowc qsort rand realloc srand strtod strtof strtol strtold strtoll strtoul strtoull system wcstombs
    wctomb memchr memcmp memcpy memmove memset strcat strchr strcmp strcoll strcpy strcspn strerror strlen strncat
    strncmp strncpy strpbrk strrchr strspn strstr strtok strxfrm
    isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit tolower toupper
    asctime clock ctime difftime gmtime localtime mktime strftime time longjmp raise signal localeconv setlocale
    cabs cacos cacosh carg casin casinh catan catanh ccos ccosh cexp cimag clog conj cpow cproj creal csin csinh csqrt
    ctan ctanh alloca bcmp bcopy bzero exit_group ffs fputs_unlocked index rindex printf_unlocked stpcpy strdup strndup
    main
"""
_OF_THE_FILE = "difference i largest n state wrong y"  # what its main has beside the function
_TAKEN = frozenset(
    [
        *_KEYWORDS.split(),
        *(f"{name}{suffix}" for name in _OF_EACH_TYPE.split() for suffix in ("", "f", "l")),
        *_MACROS.split(),
        *_LIBRARY.split(),
        *_OF_THE_FILE.split(),
    ]
)


def name_from(stem: str) -> str:
    """Return the name of a file without its ending as a name that its function can have: ``net_3d_net`` for ``3d-net``.

    Each run of characters other than ASCII letters and digits becomes an underscore, and is left out at both ends.
    ``net_`` is put in front if the rest begins with a digit, or C, C++, their libraries or the file itself have it.
    """
    name = re.sub("[^A-Za-z0-9]+", "_", stem).strip("_")
    return name if name[:1].isalpha() and name not in _TAKEN else f"net_{name}".rstrip("_")


def check_name(name: object) -> str:
    """Return a name if a C file can give it to its function.

    Raises
    ------
    TypeError
        If it is no string.
    ValueError
        If it is no identifier of C and C++, or one that they or their libraries have.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {type(name).__name__}")
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or "__" in name:
        raise ValueError(
            f"name must be an identifier of C, of letters, digits and single underscores behind a letter, not {name!r}"
        )
    if name in _TAKEN:
        raise ValueError(
            f"name must be one that neither C, C++ and their libraries nor the file itself have, not {name!r}"
        )
    return name
