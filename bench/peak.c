/* As many multiplications and additions as a core can do, in registers, none waiting for another. The sums differ, and
   none starts at its limit of 1: a compiler computes equal ones once, and a constant one not at all. */

#if defined(__AVX512F__)
#define WIDTH 64
#define SUMS 16
#elif defined(__AVX__)
#define WIDTH 32
#define SUMS 12
#elif defined(__aarch64__)
#define WIDTH 16
#define SUMS 16
#else
#define WIDTH 16
#define SUMS 12
#endif

#define DEFINE(real)                                                                  \
    typedef real vector_##real __attribute__((vector_size(WIDTH)));                   \
    const int flops_##real = 2 * SUMS * (int) (WIDTH / sizeof(real));                 \
    real peak_##real(long rounds) {                                                   \
        vector_##real sums[SUMS] = {{0}}, half = {0}, all = {0};                      \
        half += (real) 0.5;                                                           \
        for (int j = 0; j < SUMS; j++)                                                \
            sums[j] += (real) j + 2;                                                  \
        for (long i = 0; i < rounds; i++)                                             \
            for (int j = 0; j < SUMS; j++)                                            \
                sums[j] = sums[j] * half + half;                                      \
        for (int j = 0; j < SUMS; j++)                                                \
            all += sums[j];                                                           \
        return all[0];                                                                \
    }

DEFINE(float)
DEFINE(double)
