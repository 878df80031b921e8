/* Numbers that several threads read and write, and how a thread waits for one of them: with GCC, Clang and MSVC.

   fl_read and fl_write go whole, at the cost of any other number, and in no order with other memory. All others are
   sequentially consistent: there is one order of them that every thread sees, and what a thread wrote to memory before
   one of them is seen by whoever has seen that. */

#ifndef FASTLAYERS_ATOMICS_H
#define FASTLAYERS_ATOMICS_H

#if defined(__GNUC__)
#define fl_read(number) __atomic_load_n(number, __ATOMIC_RELAXED)
#define fl_write(number, value) __atomic_store_n(number, value, __ATOMIC_RELAXED)
#define fl_see(number) __atomic_load_n(number, __ATOMIC_SEQ_CST)
#define fl_swap(number, value) __atomic_exchange_n(number, value, __ATOMIC_SEQ_CST) /* what was there */
#define fl_add(number, value) __atomic_add_fetch(number, value, __ATOMIC_SEQ_CST)   /* what is there now */
static inline int fl_replace(int *number, int old, int value) {
    return __atomic_compare_exchange_n(number, &old, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
#else /* MSVC reads and writes a volatile number whole, and a long is an int */
#include <intrin.h>
#define fl_read(number) (*(volatile int *)(number))
#define fl_write(number, value) (*(volatile int *)(number) = (value))
#define fl_see(number) _InterlockedOr((volatile long *)(number), 0)
#define fl_swap(number, value) _InterlockedExchange((volatile long *)(number), value)
#define fl_add(number, value) (_InterlockedExchangeAdd((volatile long *)(number), value) + (value))
#define fl_replace(number, old, value) (_InterlockedCompareExchange((volatile long *)(number), value, old) == (old))
#endif

/* fl_pause tells the processor that this thread only waits; fl_give_way has whoever waits for this core run first. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define fl_pause() __builtin_ia32_pause()
#elif defined(__GNUC__) && defined(__aarch64__)
#define fl_pause() __asm__ volatile("yield")
#elif defined(_M_X64) || defined(_M_IX86)
#define fl_pause() _mm_pause()
#elif defined(_M_ARM64)
#define fl_pause() __yield()
#else
#define fl_pause() ((void)0)
#endif
#if defined(_WIN32) /* without windows.h, which defines common words */
__declspec(dllimport) int __stdcall SwitchToThread(void);
#define fl_give_way() ((void)SwitchToThread())
#else
#include <sched.h>
#define fl_give_way() ((void)sched_yield())
#endif

/* About the time: FL_TICKS of them are a microsecond, or half of one, or two. Only differences count, and those of more
   than a second may be any number. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
enum { FL_TICKS = 2500 };
#define fl_now() ((unsigned int)__builtin_ia32_rdtsc())
#elif defined(_M_X64) || defined(_M_IX86)
enum { FL_TICKS = 2500 };
#define fl_now() ((unsigned int)__rdtsc())
#else
#include <time.h>
enum { FL_TICKS = 1000 };
static inline unsigned int fl_now(void) {
    struct timespec now;
#if defined(_WIN32)
    timespec_get(&now, TIME_UTC);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return (unsigned int)now.tv_sec * 1000000000u + (unsigned int)now.tv_nsec;
}
#endif

#endif
