/* Right-hand side and Jacobian as deSolve calls compiled code. Compiled with the problem's equations.h before it. */
static double p[N_P];

void parameters(void (*give)(int *, double *)) {
  int n = N_P;
  give(&n, p);
}

void rates(int *n, double *t, double *y, double *dy, double *out, int *ip) {
  (void)n; (void)out; (void)ip;
  rhs(*t, y, p, dy);
}

/* full matrix by columns; deSolve has set it to zero */
void slopes(int *n, double *t, double *y, int *lower, int *upper, double *matrix, int *rows, double *out, int *ip) {
  (void)n; (void)lower; (void)upper; (void)out; (void)ip;
  double values[N_ENTRIES];
  jac(*t, y, p, values);
  for (long k = 0; k < N_ENTRIES; k++) matrix[ENTRY_COLUMN[k] * *rows + ENTRY_ROW[k]] = values[k];
}
