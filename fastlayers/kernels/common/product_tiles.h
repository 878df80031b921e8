/* The tiles of one kind of vectors: one and two of them wide, or one and three where they are for what is left. */
#define FL_ROWS FL_MOST_ROWS
#define FL_COLUMNS 1
#include "product_tile.h"
#define FL_ROWS FL_MOST_ROWS
#ifdef FL_HALF
#define FL_COLUMNS 3
#else
#define FL_COLUMNS 2
#endif
#include "product_tile.h"
#if FL_MOST_COLUMNS > 2 && !defined(FL_HALF)
#define FL_ROWS 4
#define FL_COLUMNS 4
#include "product_tile.h"
#endif
#undef FL_HALF
#undef FL_KIND
#undef FL_LANES_OF_KIND
