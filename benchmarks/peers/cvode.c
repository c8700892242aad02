/* SUNDIALS CVODE over patients: analytic Jacobian, dense or KLU. Compiled with the problem's equations.h before it. */
#include <string.h>
#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#ifdef USE_KLU
#include <sunlinsol/sunlinsol_klu.h>
#include <sunmatrix/sunmatrix_sparse.h>
#else
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>
#endif

static int rates(realtype t, N_Vector y, N_Vector dy, void *p) {
  rhs(t, NV_DATA_S(y), (const double *)p, NV_DATA_S(dy));
  return 0;
}

static int slopes(realtype t, N_Vector y, N_Vector fy, SUNMatrix J, void *p, N_Vector a, N_Vector b, N_Vector c) {
  (void)fy; (void)a; (void)b; (void)c;
#ifdef USE_KLU
  sunindextype *starts = SUNSparseMatrix_IndexPointers(J), *rows = SUNSparseMatrix_IndexValues(J);
  long k = 0;
  for (long column = 0; column < N_STATES; column++) {
    starts[column] = k;
    for (; k < N_ENTRIES && ENTRY_COLUMN[k] == column; k++) rows[k] = ENTRY_ROW[k];
  }
  starts[N_STATES] = N_ENTRIES;
  jac(t, NV_DATA_S(y), (const double *)p, SUNSparseMatrix_Data(J));
#else
  double values[N_ENTRIES];
  jac(t, NV_DATA_S(y), (const double *)p, values);
  for (long k = 0; k < N_ENTRIES; k++) SM_ELEMENT_D(J, ENTRY_ROW[k], ENTRY_COLUMN[k]) = values[k];
#endif
  return 0;
}

/* start (n, states), parameters (n, n_p) with the infusion rate appended here; out (n, n_times, states) */
int population(long n, long n_p, const double *parameters, const double *start, long n_times, const double *times,
               long n_segments, const double *ends, const double *inflows, double rtol, double atol, double *out) {
  SUNContext context;
  SUNContext_Create(NULL, &context);
  N_Vector y = N_VNew_Serial(N_STATES, context);
#ifdef USE_KLU
  SUNMatrix A = SUNSparseMatrix(N_STATES, N_STATES, N_ENTRIES, CSC_MAT, context);
  SUNLinearSolver solver = SUNLinSol_KLU(y, A, context);
#else
  SUNMatrix A = SUNDenseMatrix(N_STATES, N_STATES, context);
  SUNLinearSolver solver = SUNLinSol_Dense(y, A, context);
#endif
  void *memory = CVodeCreate(CV_BDF, context);
  double p[1024];
  memcpy(NV_DATA_S(y), start, sizeof(double) * N_STATES);
  CVodeInit(memory, rates, 0.0, y);
  CVodeSStolerances(memory, rtol, atol);
  CVodeSetUserData(memory, p);
  CVodeSetLinearSolver(memory, solver, A);
  CVodeSetJacFn(memory, slopes);
  CVodeSetMaxNumSteps(memory, 1000000);
  CVodeSetErrFile(memory, NULL);
  int failed = 0;
  for (long q = 0; q < n; q++) {
    double t = 0.0, begin = 0.0, *own = out + q * n_times * N_STATES;
    long o = 0;
    int bad = 0;
    memcpy(p, parameters + q * n_p, sizeof(double) * (size_t)n_p);
    memcpy(NV_DATA_S(y), start + q * N_STATES, sizeof(double) * N_STATES);
    for (long s = 0; s < n_segments && !bad; s++) {
      p[n_p] = inflows[s];
      CVodeReInit(memory, begin, y);
      CVodeSetStopTime(memory, ends[s]);
      for (; o < n_times && times[o] <= ends[s] && !bad; o++) {
        bad = CVode(memory, times[o], y, &t, CV_NORMAL) < 0;
        if (!bad) memcpy(own + o * N_STATES, NV_DATA_S(y), sizeof(double) * N_STATES);
      }
      if (!bad && t < ends[s]) bad = CVode(memory, ends[s], y, &t, CV_NORMAL) < 0;
      begin = ends[s];
    }
    failed += bad;
    for (; bad && o <= n_times; o++)
      for (long i = 0; i < N_STATES && o > 0; i++) own[(o - 1) * N_STATES + i] = NAN;
  }
  CVodeFree(&memory);
  SUNLinSolFree(solver);
  SUNMatDestroy(A);
  N_VDestroy(y);
  SUNContext_Free(&context);
  return failed;
}
