"""Which instruction set this CPU and operating system run; built at the baseline, so that it runs anywhere.

A level's module may use its level's instructions from its very first line, so this is asked before any
of them is imported. The levels are those of the x86-64 psABI. A feature counts only if the operating
system saves its registers (XCR0), as the manuals of Intel and AMD demand.
"""

cdef extern from * nogil:
    """
    #if defined(__x86_64__) || defined(_M_X64)
      #if defined(_MSC_VER)
        #include <intrin.h>
        static void fl_cpuid(unsigned leaf, unsigned r[4]) { __cpuidex((int *)r, (int)leaf, 0); }
        static unsigned fl_xcr0(void) { return (unsigned)_xgetbv(0); }
      #else
        #include <cpuid.h>
        static void fl_cpuid(unsigned leaf, unsigned r[4]) {
            r[0] = r[1] = r[2] = r[3] = 0;
            __get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]);
        }
        static unsigned fl_xcr0(void) {
            unsigned low, high;
            __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
            return low;
        }
      #endif
    #else
      static void fl_cpuid(unsigned leaf, unsigned r[4]) { (void)leaf; r[0] = r[1] = r[2] = r[3] = 0; }
      static unsigned fl_xcr0(void) { return 0; }
    #endif
    """
    void fl_cpuid(unsigned int leaf, unsigned int *registers)
    unsigned int fl_xcr0()

cdef enum:
    EBX = 1
    ECX = 2
    # leaf 1, ECX: FMA, MOVBE, OSXSAVE, AVX, F16C
    V3_LEAF_1 = 1 << 12 | 1 << 22 | 1 << 27 | 1 << 28 | 1 << 29
    # leaf 7, EBX: BMI1, AVX2, BMI2
    V3_LEAF_7 = 1 << 3 | 1 << 5 | 1 << 8
    # leaf 0x80000001, ECX: LZCNT
    V3_EXTENDED = 1 << 5
    # leaf 7, EBX: AVX-512 F, DQ, CD, BW; VL is the last bit, which no signed constant holds
    V4_LEAF_7 = 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30
    # XCR0: the SSE and AVX registers; with the mask and both parts of the AVX-512 registers
    XCR0_AVX = 0x06
    XCR0_AVX512 = 0xE6


def level():
    """The highest of "baseline", "x86-64-v3" and "x86-64-v4" that runs here."""
    cdef unsigned int one[4]
    cdef unsigned int seven[4]
    cdef unsigned int extended[4]
    cdef unsigned int saved
    fl_cpuid(1, one)
    fl_cpuid(7, seven)
    fl_cpuid(0x80000001, extended)
    if (
        one[ECX] & V3_LEAF_1 != V3_LEAF_1
        or seven[EBX] & V3_LEAF_7 != V3_LEAF_7
        or extended[ECX] & V3_EXTENDED != V3_EXTENDED
    ):
        return "baseline"
    saved = fl_xcr0()  # an illegal instruction without OSXSAVE, which was asked for above
    if saved & XCR0_AVX != XCR0_AVX:
        return "baseline"
    if seven[EBX] & V4_LEAF_7 != V4_LEAF_7 or not seven[EBX] >> 31 or saved & XCR0_AVX512 != XCR0_AVX512:
        return "x86-64-v3"
    return "x86-64-v4"
