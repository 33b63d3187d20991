#include "worker/accelerators/stub/variables.h"

#include "worker/accelerators/stub/files.h"
#include "worker/accelerators/stub/kernel.h"
#include "worker/accelerators/stub/telemetry.h"
#include "worker/accelerators/stub/texts.h"

// A locale whose messages are the programs' own.
static int is_plain_locale(const char* value) {
  return !*value || same(value, "C") || same(value, "POSIX") || same(value, "C.UTF-8") ||
         same(value, "C.utf8");
}

static int fits_every_program(const char* variable) {
  if (begins(variable, "LD_") || begins(variable, "QEMU_") || begins(variable, "GLIBC_TUNABLES=") ||
      begins(variable, "GCC_EXEC_PREFIX=") || begins(variable, "LOCPATH=") ||
      begins(variable, "GCONV_PATH=") || begins(variable, "NLSPATH=") || begins(variable, "MALLOC_")) {
    return 0;
  }
  // Of the languages in its list these two end the search for translations (gettext); every configure script
  // of autoconf sets the first.
  if (begins(variable, "LANGUAGE=")) {
    const char* languages = variable + sizeof("LANGUAGE=") - 1;
    return !*languages || same(languages, "C") || same(languages, "POSIX");
  }
  if (!begins(variable, "LANG=") && !begins(variable, "LC_")) return 1;
  while (*variable && *variable != '=') ++variable;
  return *variable == '=' && is_plain_locale(variable + 1);
}

// Whether a loader that looks into the folder finds none of the libraries there. One that is not named is the
// working directory.
static int has_none_of(const char* folder, size_t length, const char* libraries) {
  char path[kMostPath], name[kMostPath];
  if (length == 0) {
    folder = ".";
    length = 1;
  }
  // Folders below it for processors, where loaders look first.
  if (!join_path(path, sizeof(path), folder, length, "glibc-hwcaps") || kernel_exists(path)) return 0;
  while (*libraries) {
    size_t count = 0;
    while (libraries[count] && libraries[count] != ' ') {
      if (count >= sizeof(name) - 1) return 0;
      name[count] = libraries[count];
      ++count;
    }
    name[count] = 0;
    if (!join_path(path, sizeof(path), folder, length, name) || kernel_exists(path)) return 0;
    libraries += count;
    while (*libraries == ' ') ++libraries;
  }
  return 1;
}

static int are_folders_without(const char* folders, const char* libraries) {
  for (;;) {
    size_t length = 0;
    while (folders[length] && folders[length] != ':' && folders[length] != ';') ++length;
    if (!has_none_of(folders, length, libraries)) return 0;
    if (!folders[length]) return 1;
    folders += length + 1;
  }
}

static int fits_variable(const struct table* table, const struct accelerated_program* program,
                         const char* variable) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    const char* text = table_text(table, rule->text);
    switch (rule->kind) {
      case ACCELERATED_EMULATED_VARIABLE:
        if (begins(variable, text)) return 0;
        break;
      case ACCELERATED_FINE_VARIABLE:
        if (begins(variable, text)) return 1;
        break;
      case ACCELERATED_LIBRARY_FOLDERS:
        if (begins(variable, text))
          return are_folders_without(variable + length_of(text), table_text(table, rule->from));
        break;
      default:
        break;
    }
  }
  return fits_every_program(variable);
}

// With its '='.
static size_t name_length(const char* variable) {
  size_t length = 0;
  while (variable[length] && variable[length] != '=') ++length;
  return length + 1;
}

static int begins_alike(const char* one, const char* other, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    if (one[i] != other[i]) return 0;
  }
  return 1;
}

// A variable that is there twice counts once for one program and once for another, so all have to be it.
static int has_variable(const char* wanted, char** envp) {
  const size_t length = name_length(wanted);
  int found = 0;
  for (; *envp; ++envp) {
    if (!begins_alike(*envp, wanted, length)) continue;
    if (!same(*envp, wanted)) return 0;
    found = 1;
  }
  return found;
}

int has_prefix(const char* prefix, char** envp) {
  for (; *envp; ++envp) {
    if (begins(*envp, prefix)) return 1;
  }
  return 0;
}

const char* value_of(const char* name, char** envp) {
  for (; *envp; ++envp) {
    if (begins(*envp, name)) return *envp + length_of(name);
  }
  return 0;
}

int fits_variables(const struct table* table, const struct accelerated_program* program, char** envp) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    if (rule->kind == ACCELERATED_NEEDED_VARIABLE && !has_variable(table_text(table, rule->text), envp))
      return 0;
    if (rule->kind == ACCELERATED_TELEMETRY_OFF && !is_telemetry_off(envp)) return 0;
  }
  for (char** variable = envp; *variable; ++variable) {
    if (!fits_variable(table, program, *variable)) return 0;
  }
  return !kernel_exists("/etc/ld.so.preload");
}
