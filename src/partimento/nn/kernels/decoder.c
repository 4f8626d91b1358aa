/* All layers of a decoder-only transformer for a few new positions, in one call.

Layout.  A matrix of R rows and C columns is cut into panels of 64 rows, and a panel is stored
column by column, so that one pass over contiguous memory gives 64 products without any sum across
a vector.  Narrow numbers are grouped: two columns of bf16, four of int8.  Weights, keys (rows:
positions, columns: features) and values (rows: features, columns: positions) all use panels.

Numbers.  Sums are fp32, except int8: there the activations are integers of up to 15 bits with one
scale a row, small enough that a sum of C products fits int32, so that every instruction set gives
the same integers and only the rounding of the weights costs quality.

A row is computed alike whatever other rows share the call: a prompt in one call and the same
positions one by one give the same bits. */

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

enum { ROWS = 64, LANES = 16, PARTS = ROWS / LANES };
enum { FP32 = 0, BF16 = 1, INT8 = 2 };
enum { NO_NORM = 0, LAYER_NORM = 1, RMS_NORM = 2 };
enum { RELU = 0, GELU = 1, SWIGLU = 2 };

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));

typedef struct {
  int32_t rows, columns, kind, limit; /* limit: largest activation of int8 */
  const void *panels;
  const float *scale;   /* rows, int8 only */
  const int32_t *shift; /* rows: -128 times the sum of a row, int8 only */
  const float *bias;    /* rows, or NULL */
} Matrix;

typedef struct {
  const float *weight, *bias; /* NULL: ones, zeros */
  float eps;
  int32_t kind;
} Norm;

typedef struct {
  Norm attention_norm, feedforward_norm;
  Matrix qkv, out, up, down;
  Matrix distance; /* relative logits: row of distance 0, 1, ...; columns 0: none */
  void *keys, *values;
} Layer;

typedef struct {
  int32_t layers, width, heads, head_width, capacity, stride;
  int32_t cache, activation, post_norm, rotary;
  float score_scale;
  const float *cosine, *sine; /* (capacity, head_width), halves paired */
  const Layer *layer;
  Norm norm;
  float *scratch; /* see scratch_floats */
} Decoder;

static inline floats load(const float *p) {
  floats v;
  memcpy(&v, p, sizeof v);
  return v;
}

static inline words load_words(const void *p) {
  words v;
  memcpy(&v, p, sizeof v);
  return v;
}

static inline int padded(int n) { return (n + ROWS - 1) / ROWS * ROWS; }

static int64_t panel_bytes(int kind, int columns) {
  int size = kind == FP32 ? 4 : kind == BF16 ? 2 : 1;
  int group = kind == FP32 ? 1 : kind == BF16 ? 2 : 4;
  return (int64_t)((columns + group - 1) / group * group) * ROWS * size;
}

/* ---- 64 dot products ------------------------------------------------------------------------ */

static void dots_fp32(const float *w, const float *x, int columns, float *y) {
  floats sum[PARTS] = {0};
  for (int c = 0; c < columns; c++, w += ROWS)
    for (int i = 0; i < PARTS; i++) sum[i] += x[c] * load(w + LANES * i);
  memcpy(y, sum, sizeof sum);
}

/* Two neighbouring columns share a word; the low half is the even one (little-endian). */
static void dots_bf16(const uint16_t *w, const float *x, int columns, float *y) {
  floats even[PARTS] = {0}, odd[PARTS] = {0};
  for (int c = 0; c < columns; c += 2, w += 2 * ROWS)
    for (int i = 0; i < PARTS; i++) {
      words pair = load_words(w + 2 * LANES * i);
      even[i] += x[c] * (floats)(pair << 16);
      odd[i] += x[c + 1] * (floats)(pair & 0xffff0000u);
    }
  for (int i = 0; i < PARTS; i++) even[i] += odd[i];
  memcpy(y, even, sizeof even);
}

/* x as int16 (columns, padded to four).  Exact in int32 on every instruction set. */
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#define INT8_PATH "avx512-vnni"
/* The instruction wants unsigned activations: x + 32768 is split into two bytes, and what the
   offset adds is taken away by `shift`. `x` holds four high bytes, then four low bytes a group. */
static void dots_int8(const int8_t *w, const void *x, int columns, const int32_t *shift,
                      int32_t *y) {
  const int32_t *bytes = x;
  __m512i high[PARTS], low[PARTS];
  for (int i = 0; i < PARTS; i++) {
    high[i] = _mm512_loadu_si512(shift + LANES * i);
    low[i] = _mm512_setzero_si512();
  }
  for (int c = 0; c < columns; c += 4, w += 4 * ROWS, bytes += 2) {
    __m512i h = _mm512_set1_epi32(bytes[0]), l = _mm512_set1_epi32(bytes[1]);
    for (int i = 0; i < PARTS; i++) {
      __m512i weight = _mm512_loadu_si512(w + 4 * LANES * i);
      high[i] = _mm512_dpbusd_epi32(high[i], h, weight);
      low[i] = _mm512_dpbusd_epi32(low[i], l, weight);
    }
  }
  for (int i = 0; i < PARTS; i++)
    _mm512_storeu_si512(y + LANES * i, _mm512_add_epi32(_mm512_slli_epi32(high[i], 8), low[i]));
}

static void split(const int16_t *x, int columns, void *bytes) {
  uint8_t *b = bytes;
  for (int c = 0; c < columns; c += 4, b += 8)
    for (int i = 0; i < 4; i++) {
      uint16_t u = (uint16_t)(x[c + i] + 32768);
      b[i] = (uint8_t)(u >> 8);
      b[4 + i] = (uint8_t)u;
    }
}
#else
static void split(const int16_t *x, int columns, void *copy) {
  memcpy(copy, x, sizeof *x * columns);
}
#if defined(__AVX2__)
#define INT8_PATH "avx2"
static void dots_int8(const int8_t *w, const void *x, int columns, const int32_t *shift,
                      int32_t *y) {
  const int16_t *value = x;
  (void)shift;
  for (int half = 0; half < ROWS; half += 32) {
    __m256i sum[8];
    for (int i = 0; i < 8; i++) sum[i] = _mm256_setzero_si256();
    for (int c = 0; c < columns; c += 4) {
      int64_t four;
      memcpy(&four, value + c, 8);
      __m256i v = _mm256_set1_epi64x(four);
      for (int i = 0; i < 8; i++) {
        const void *p = w + c * ROWS + 4 * half + 16 * i;
        __m256i weight = _mm256_cvtepi8_epi16(_mm_loadu_si128(p));
        sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(weight, v));
      }
    }
    int32_t pair[ROWS];
    memcpy(pair, sum, sizeof sum);
    for (int i = 0; i < 32; i++) y[half + i] = pair[2 * i] + pair[2 * i + 1];
  }
}
#else
#define INT8_PATH "plain"
static void dots_int8(const int8_t *w, const void *x, int columns, const int32_t *shift,
                      int32_t *y) {
  const int16_t *value = x;
  (void)shift;
  memset(y, 0, sizeof *y * ROWS);
  for (int c = 0; c < columns; c += 4, w += 4 * ROWS)
    for (int r = 0; r < ROWS; r++)
      for (int i = 0; i < 4; i++) y[r] += w[4 * r + i] * value[c + i];
}
#endif
#endif

/* ---- a matrix times a few rows -------------------------------------------------------------- */

/* Integers of one row of x and what one of them is worth. */
static float quantise(const float *x, int columns, int limit, int16_t *y) {
  float most = 0;
#pragma omp simd reduction(max : most)
  for (int c = 0; c < columns; c++) most = fabsf(x[c]) > most ? fabsf(x[c]) : most;
  float step = most > 0 ? most / limit : 1, inverse = 1 / step;
#pragma omp simd
  for (int c = 0; c < columns; c++) y[c] = (int16_t)(int32_t)rintf(x[c] * inverse);
  for (int c = columns; c % 4; c++) y[c] = 0;
  return step;
}

/* y[r] (rows, y_stride) = m x[r] + bias.  The panel stays in the first cache for all rows; `spare`
   has room for 2 * (columns + 8) floats a row. */
static void multiply(const Matrix *m, const float *x, int x_stride, float *y, int y_stride,
                     int rows, float *spare) {
  int columns = m->columns, spare_stride = 2 * padded(columns);
  float step[rows];
  if (m->kind == INT8)
    for (int r = 0; r < rows; r++) {
      int16_t *whole = (int16_t *)(spare + (int64_t)r * spare_stride);
      step[r] = quantise(x + (int64_t)r * x_stride, columns, m->limit, whole);
      split(whole, (columns + 3) & ~3, (char *)whole + 4 * padded(columns));
    }
  int64_t bytes = panel_bytes(m->kind, columns);
  for (int first = 0; first < m->rows; first += ROWS) {
    const char *panel = (const char *)m->panels + first / ROWS * bytes;
    int count = m->rows - first < ROWS ? m->rows - first : ROWS;
    for (int r = 0; r < rows; r++) {
      const float *input = x + (int64_t)r * x_stride;
      float product[ROWS], *output = y + (int64_t)r * y_stride + first;
      if (m->kind == INT8) {
        int32_t sum[ROWS];
        const char *split_row = (char *)(spare + (int64_t)r * spare_stride) + 4 * padded(columns);
        dots_int8((const int8_t *)panel, split_row, columns, m->shift + first, sum);
        for (int i = 0; i < ROWS; i++) product[i] = sum[i] * (step[r] * m->scale[first + i]);
      } else if (m->kind == BF16) {
        dots_bf16((const uint16_t *)panel, input, columns, product);
      } else {
        dots_fp32((const float *)panel, input, columns, product);
      }
      if (m->bias)
        for (int i = 0; i < count; i++) output[i] = product[i] + m->bias[first + i];
      else
        memcpy(output, product, sizeof *product * count);
    }
  }
}

/* ---- what happens between the matrices ------------------------------------------------------- */

/* e^x, relative error below 2e-7: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]. */
static inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  float n = rintf(x * 1.44269504f);
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  union { int32_t i; float f; } power = {((int32_t)n + 127) << 23};
  return p * power.f;
}

/* Error function to 1.5e-7 (Abramowitz and Stegun 7.1.26). */
static inline float error_function(float x) {
  float size = fabsf(x), t = 1.0f / (1.0f + 0.3275911f * size);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  return copysignf(1.0f - p * t * exponential(-size * size), x);
}

static void normalise(const Norm *norm, const float *x, float *y, int width) {
  if (norm->kind == NO_NORM) {
    memmove(y, x, sizeof *x * width);
    return;
  }
  float sum = 0, squares = 0;
  if (norm->kind == LAYER_NORM) {
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < width; i++) sum += x[i];
  }
  float mean = sum / width;
#pragma omp simd reduction(+ : squares)
  for (int i = 0; i < width; i++) squares += (x[i] - mean) * (x[i] - mean);
  float scale = 1.0f / sqrtf(squares / width + norm->eps);
#pragma omp simd
  for (int i = 0; i < width; i++) y[i] = (x[i] - mean) * scale;
  if (norm->weight)
    for (int i = 0; i < width; i++) y[i] *= norm->weight[i];
  if (norm->bias)
    for (int i = 0; i < width; i++) y[i] += norm->bias[i];
}

/* In place on (2 * hidden) or (hidden) inputs; the result is the first `hidden` numbers. */
static void activate(int kind, float *x, int hidden) {
  if (kind == SWIGLU) {
#pragma omp simd
    for (int i = 0; i < hidden; i++) x[i] = x[i] / (1.0f + exponential(-x[i])) * x[hidden + i];
  } else if (kind == GELU) {
#pragma omp simd
    for (int i = 0; i < hidden; i++) x[i] *= 0.5f + 0.5f * error_function(x[i] * 0.70710678f);
  } else {
    for (int i = 0; i < hidden; i++) x[i] = x[i] > 0 ? x[i] : 0;
  }
}

static void rotate(float *x, const float *cosine, const float *sine, int width) {
  int half = width / 2;
  for (int i = 0; i < half; i++) {
    float a = x[i], b = x[half + i];
    x[i] = a * cosine[i] - b * sine[i];
    x[half + i] = b * cosine[i] + a * sine[i];
  }
}

static inline uint16_t to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* One number of a panel matrix with `columns` columns. */
static inline void put(void *panels, int kind, int columns, int row, int column, float x) {
  char *panel = (char *)panels + row / ROWS * panel_bytes(kind, columns);
  if (kind == FP32)
    ((float *)panel)[column * ROWS + row % ROWS] = x;
  else
    ((uint16_t *)panel)[(column / 2 * ROWS + row % ROWS) * 2 + column % 2] = to_bf16(x);
}

static inline void dots(int kind, const void *panel, const float *x, int columns, float *y) {
  if (kind == FP32)
    dots_fp32(panel, x, columns, y);
  else
    dots_bf16(panel, x, columns, y);
}

/* Softmax of x (count), zero from there to the next multiple of 64. */
static void softmax(float *x, int count) {
  float most = -INFINITY, sum = 0;
#pragma omp simd reduction(max : most)
  for (int i = 0; i < count; i++) most = x[i] > most ? x[i] : most;
#pragma omp simd reduction(+ : sum)
  for (int i = 0; i < count; i++) {
    x[i] = exponential(x[i] - most);
    sum += x[i];
  }
  float inverse = 1.0f / sum;
  for (int i = 0; i < count; i++) x[i] *= inverse;
  for (int i = count; i < padded(count); i++) x[i] = 0;
}

/* One head of one row: q (head_width) at `position` over the cache of its sequence. */
static void attend(const Decoder *d, const Layer *layer, const char *keys, const char *values,
                   const float *q, float *y, int position, float *scores, float *relative) {
  int width = d->head_width, count = position + 1;
  int64_t key_panel = panel_bytes(d->cache, width);
  for (int t = 0; t < count; t += ROWS)
    dots(d->cache, keys + t / ROWS * key_panel, q, width, scores + t);
  if (layer->distance.columns) {
    const Matrix *m = &layer->distance;
    int64_t bytes = panel_bytes(m->kind, width);
    for (int t = 0; t < count; t += ROWS)
      dots(m->kind, (const char *)m->panels + t / ROWS * bytes, q, width, relative + t);
    for (int t = 0; t < count; t++) scores[t] += relative[position - t];
  }
  for (int t = 0; t < count; t++) scores[t] *= d->score_scale;
  softmax(scores, count);
  int64_t value_panel = panel_bytes(d->cache, padded(d->capacity));
  for (int first = 0; first < width; first += ROWS) {
    float product[ROWS];
    dots(d->cache, values + first / ROWS * value_panel, scores, (count + 1) & ~1, product);
    memcpy(y + first, product, sizeof *y * (width - first < ROWS ? width - first : ROWS));
  }
}

static void attention(const Decoder *d, const Layer *layer, float *qkv, int stride, float *y,
                      int rows, const int32_t *sequence, const int32_t *position, float *scores) {
  int width = d->head_width, capacity = padded(d->capacity);
  int64_t key_bytes = capacity / ROWS * panel_bytes(d->cache, width);
  int64_t value_bytes = padded(width) / ROWS * panel_bytes(d->cache, capacity);
  for (int h = 0; h < d->heads; h++) {
    for (int r = 0; r < rows; r++) {
      float *q = qkv + (int64_t)r * stride + h * width, *k = q + d->width, *v = k + d->width;
      int64_t head = (int64_t)sequence[r] * d->heads + h;
      char *keys = (char *)layer->keys + head * key_bytes;
      char *values = (char *)layer->values + head * value_bytes;
      if (d->rotary) {
        int64_t angle = (int64_t)position[r] * width;
        rotate(q, d->cosine + angle, d->sine + angle, width);
        rotate(k, d->cosine + angle, d->sine + angle, width);
      }
      for (int e = 0; e < width; e++) {
        put(keys, d->cache, width, position[r], e, k[e]);
        put(values, d->cache, capacity, e, position[r], v[e]);
      }
      attend(d, layer, keys, values, q, y + (int64_t)r * d->stride + h * width, position[r],
             scores, scores + capacity);
    }
  }
}

/* x (rows, stride) += or normed +=; see the two arrangements of Xiong et al. 2020. */
static void add(float *x, const float *y, int64_t count) {
  for (int64_t i = 0; i < count; i++) x[i] += y[i];
}

static void normalise_rows(const Decoder *d, const Norm *norm, const float *x, float *y, int rows) {
  for (int r = 0; r < rows; r++)
    normalise(norm, x + (int64_t)r * d->stride, y + (int64_t)r * d->stride, d->width);
}

static void run_layer(const Decoder *d, const Layer *layer, float *x, float *normed, float *mixed,
                      float *wide, float *spare, float *scores, int rows, const int32_t *sequence,
                      const int32_t *position) {
  int64_t size = (int64_t)rows * d->stride;
  int wide_stride = padded(layer->up.rows > 3 * d->width ? layer->up.rows : 3 * d->width);
  int hidden = layer->down.columns;
  const float *input = x;
  if (!d->post_norm) {
    normalise_rows(d, &layer->attention_norm, x, normed, rows);
    input = normed;
  }
  multiply(&layer->qkv, input, d->stride, wide, wide_stride, rows, spare);
  attention(d, layer, wide, wide_stride, mixed, rows, sequence, position, scores);
  multiply(&layer->out, mixed, d->stride, normed, d->stride, rows, spare);
  add(x, normed, size);
  if (d->post_norm) normalise_rows(d, &layer->attention_norm, x, x, rows);
  if (!d->post_norm) normalise_rows(d, &layer->feedforward_norm, x, normed, rows);
  multiply(&layer->up, d->post_norm ? x : normed, d->stride, wide, wide_stride, rows, spare);
  for (int r = 0; r < rows; r++) activate(d->activation, wide + (int64_t)r * wide_stride, hidden);
  multiply(&layer->down, wide, wide_stride, mixed, d->stride, rows, spare);
  add(x, mixed, size);
  if (d->post_norm) normalise_rows(d, &layer->feedforward_norm, x, x, rows);
}

/* ---- entry points ----------------------------------------------------------------------------- */

static int widest(const Decoder *d) {
  int wide = 3 * d->width;
  for (int i = 0; i < d->layers; i++)
    if (d->layer[i].up.rows > wide) wide = d->layer[i].up.rows;
  return padded(wide);
}

/* Floats of scratch for calls of at most `rows` rows; they must be zero at first. */
int64_t scratch_floats(const Decoder *d, int rows) {
  int wide = widest(d);
  return (int64_t)rows * (3 * d->stride + wide + 2 * wide) + 2 * padded(d->capacity);
}

/* Run `rows` inputs x (rows, width) through all layers: y (rows, width).  Row r is position
   position[r] of sequence sequence[r]; rows of one sequence come in rising order. */
void decode_rows(const Decoder *d, const float *input, float *output, int rows,
                 const int32_t *sequence, const int32_t *position) {
  int64_t size = (int64_t)rows * d->stride;
  float *x = d->scratch, *normed = x + size, *mixed = normed + size;
  float *wide = mixed + size, *spare = wide + (int64_t)rows * widest(d);
  float *scores = spare + 2 * (int64_t)rows * widest(d);
  for (int r = 0; r < rows; r++)
    memcpy(x + (int64_t)r * d->stride, input + (int64_t)r * d->width, sizeof *x * d->width);
  for (int i = 0; i < d->layers; i++)
    run_layer(d, d->layer + i, x, normed, mixed, wide, spare, scores, rows, sequence, position);
  for (int r = 0; r < rows; r++)
    normalise(&d->norm, x + (int64_t)r * d->stride, output + (int64_t)r * d->width, d->width);
}

/* y (rows, m->rows) = m x (rows, columns) + bias; `spare`: 2 * columns padded to 64 a row. */
void multiply_rows(const Matrix *m, const float *x, float *y, int rows, float *spare) {
  multiply(m, x, m->columns, y, m->rows, rows, spare);
}

/* The speed of memory itself: one pass over `bytes` (a multiple of 256). */
uint32_t read_bytes(const char *memory, int64_t bytes) {
  words sum[PARTS] = {0};
  for (int64_t i = 0; i < bytes; i += 4 * ROWS)
    for (int j = 0; j < PARTS; j++) sum[j] += load_words(memory + i + 4 * LANES * j);
  sum[0] += sum[1] + sum[2] + sum[3];
  uint32_t total = 0;
  for (int i = 0; i < LANES; i++) total += sum[0][i];
  return total;
}

const char *int8_path(void) { return INT8_PATH; }

/* Sizes of the structures, for the caller to compare with its own. */
int32_t structure_bytes(int which) {
  return which == 0 ? sizeof(Matrix) : which == 1 ? sizeof(Norm)
         : which == 2 ? sizeof(Layer) : sizeof(Decoder);
}
