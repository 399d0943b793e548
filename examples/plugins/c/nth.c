/* Resets every Nth connection, as a load balancer does that drops some of its backends' connections. */

#include <stdlib.h>
#include <string.h>

#include "gen/fault.h"

static uint64_t every = 10;
static uint64_t connections = 0;

static char *skip_blanks(char *at, char *end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) at++;
  return at;
}

/* Reads {} or {"every": N}; the host writes the table as JSON. False where it is neither. */
static bool read_table(char *at, char *end) {
  static const char key[] = "\"every\"";
  const size_t length = sizeof key - 1;
  at = skip_blanks(at, end);
  if (at == end || *at++ != '{') return false;
  at = skip_blanks(at, end);
  if (at < end && *at == '}') return true;
  if ((size_t)(end - at) < length || memcmp(at, key, length) != 0) return false;
  at = skip_blanks(at + length, end);
  if (at == end || *at++ != ':') return false;
  at = skip_blanks(at, end);
  uint64_t count = 0;
  /* Nine digits fit; nobody waits for the billionth connection. */
  char *digits = at;
  while (at < end && *at >= '0' && *at <= '9' && at - digits < 9) count = count * 10 + (uint64_t)(*at++ - '0');
  at = skip_blanks(at, end);
  if (count == 0 || at == end || *at != '}') return false;
  every = count;
  return true;
}

void exports_squall_fault_plugin_describe(exports_squall_fault_plugin_description_t *ret) {
  fault_string_dup(&ret->summary, "Resets every Nth connection.");
  ret->parameters.len = 1;
  ret->parameters.ptr = malloc(sizeof *ret->parameters.ptr);
  if (!ret->parameters.ptr) abort();
  squall_fault_types_parameter_t *parameter = ret->parameters.ptr;
  fault_string_dup(&parameter->name, "every");
  fault_string_dup(&parameter->kind, "count");
  parameter->default_.is_some = true;
  fault_string_dup(&parameter->default_.val, "10");
  fault_string_dup(&parameter->example, "3");
  fault_string_dup(&parameter->meaning, "one connection in this many, counted from the fault's start");
}

bool exports_squall_fault_plugin_configure(fault_string_t *config, exports_squall_fault_plugin_hooks_t *ret,
                                           fault_string_t *err) {
  char *text = (char *)config->ptr;
  bool good = read_table(text, text + config->len);
  fault_string_free(config);
  if (!good) {
    fault_string_dup(err, "it takes `every` only, a count of 1 to 999999999");
    return false;
  }
  *ret = SQUALL_FAULT_TYPES_HOOKS_CONNECT;
  return true;
}

void exports_squall_fault_plugin_connect(exports_squall_fault_plugin_attempt_t *a,
                                         exports_squall_fault_plugin_connect_verdict_t *ret) {
  (void)a;
  connections++;
  ret->tag = connections % every == 0 ? SQUALL_FAULT_TYPES_CONNECT_VERDICT_RESET
                                      : SQUALL_FAULT_TYPES_CONNECT_VERDICT_PASS;
}

/* Not asked for, so never called. */

void exports_squall_fault_plugin_request(exports_squall_fault_plugin_attempt_t *a,
                                         exports_squall_fault_plugin_request_head_t *head,
                                         exports_squall_fault_plugin_request_verdict_t *ret) {
  (void)a;
  exports_squall_fault_plugin_request_head_free(head);
  ret->tag = SQUALL_FAULT_TYPES_REQUEST_VERDICT_PASS;
}

void exports_squall_fault_plugin_response(exports_squall_fault_plugin_attempt_t *a,
                                          exports_squall_fault_plugin_response_head_t *head,
                                          exports_squall_fault_plugin_response_verdict_t *ret) {
  (void)a;
  exports_squall_fault_plugin_response_head_free(head);
  ret->tag = SQUALL_FAULT_TYPES_RESPONSE_VERDICT_PASS;
}

bool exports_squall_fault_plugin_events(exports_squall_fault_plugin_attempt_t *a,
                                        exports_squall_fault_plugin_event_batch_t *batch,
                                        exports_squall_fault_plugin_event_ruling_t *ret) {
  (void)a, (void)ret;
  exports_squall_fault_plugin_event_batch_free(batch);
  return false;
}

void exports_squall_fault_plugin_body(exports_squall_fault_plugin_attempt_t *a, fault_list_u8_t *data,
                                      exports_squall_fault_plugin_body_verdict_t *ret) {
  (void)a;
  fault_list_u8_free(data);
  ret->tag = SQUALL_FAULT_TYPES_BODY_VERDICT_PASS;
}

void exports_squall_fault_plugin_finish(exports_squall_fault_plugin_attempt_t *a) { (void)a; }

void exports_squall_fault_plugin_tick(exports_squall_fault_plugin_nanos_t now) { (void)now; }
