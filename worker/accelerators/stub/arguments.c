#include "worker/accelerators/stub/arguments.h"

#include "worker/accelerators/stub/crates.h"
#include "worker/accelerators/stub/files.h"
#include "worker/accelerators/stub/kernel.h"
#include "worker/accelerators/stub/texts.h"
#include "worker/accelerators/stub/variables.h"

// A header that is read as it is: a precompiled one is of the emulated program's own making.
static int is_plain_header(const char* path) {
  char precompiled[kMostPath];
  static const char suffix[] = ".gch";
  if (!path) return 0;
  const size_t length = length_of(path);
  if (length > sizeof(precompiled) - sizeof(suffix)) return 0;
  for (size_t i = 0; i < length; ++i) precompiled[i] = path[i];
  for (size_t i = 0; i < sizeof(suffix); ++i) precompiled[length + i] = suffix[i];
  return kernel_exists(path) && !kernel_exists(precompiled);
}

static int fits_argument(const struct table* table, const struct accelerated_program* program,
                         char** argument) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    const char* text = table_text(table, rule->text);
    switch (rule->kind) {
      case ACCELERATED_FINE_PREFIX:
        if (begins(*argument, text)) return 1;
        break;
      case ACCELERATED_EMULATED_PREFIX:
        if (begins(*argument, text)) return 0;
        break;
      case ACCELERATED_EMULATED_WORD:
        if (same(*argument, text)) return 0;
        break;
      case ACCELERATED_INCLUDED_FILE:
        if (same(*argument, text)) return is_plain_header(argument[1]);
        break;
      case ACCELERATED_REPLACED_FILE:
        if (same(*argument, text))
          return argument[1] && same(argument[1], table_text(table, rule->from)) &&
                 is_read_only(table_text(table, rule->to));
        break;
      default:
        break;
    }
  }
  return 1;
}

static int has_argument(char** arguments, const char* text) {
  for (++arguments; *arguments; ++arguments) {
    if (same(*arguments, text)) return 1;
  }
  return 0;
}

// Whether a call has the option already: alone or with a value behind it; or the first argument begins so,
// as what clang is to be (-cc1, -cc1as) stands there only.
static int has_option(char** arguments, const char* option) {
  if (arguments[1] && begins(arguments[1], option)) return 1;
  for (++arguments; *arguments; ++arguments) {
    if (begins(*arguments, option)) {
      const char next = (*arguments)[length_of(option)];
      if (!next || next == '=') return 1;
    }
  }
  return 0;
}

// A link to the program in another folder would be another place for a program that has several names.
static int leads_to(const char* path, const struct stat* file) {
  struct stat state;
  return kernel(__NR_stat, (long)path, (long)&state, 0, 0, 0, 0) == 0 && state.st_dev == file->st_dev &&
         state.st_ino == file->st_ino && state.st_nlink == 1;
}

// The last part of a path, without a version: "clang++" of "/usr/bin/clang++-19".
static int is_known_name(const char* path, const char* known) {
  char name[kMostPath];
  size_t length = 0;
  for (; *path; ++path) {
    if (*path == '/') {
      length = 0;
    } else if (length >= sizeof(name) - 1) {
      return 0;
    } else {
      name[length++] = *path;
    }
  }
  size_t end = length;
  while (end > 0 && ((name[end - 1] >= '0' && name[end - 1] <= '9') || name[end - 1] == '.')) --end;
  if (end > 0 && end < length && name[end - 1] == '-') length = end - 1;
  name[length] = 0;
  return has_word(known, name);
}

static int is_own_name(const char* name, char** envp, const struct stat* file) {
  char path[kMostPath];
  if (has_character(name, '/')) return leads_to(name, file);
  const char* folders = value_of("PATH=", envp);
  while (folders && *folders) {
    size_t length = 0;
    while (folders[length] && folders[length] != ':') ++length;
    // The first that has one counts, whatever it is.
    if (length > 0) {
      if (!join_path(path, sizeof(path), folders, length, name)) return 0;
      if (kernel_exists(path)) return leads_to(path, file);
    }
    folders += folders[length] ? length + 1 : length;
  }
  return 0;
}

// What has to be so of a call as a whole.
static int fits_call(const struct table* table, const struct accelerated_program* program,
                     const struct accelerated_rule* rule, char** arguments, char** envp,
                     const struct stat* file) {
  switch (rule->kind) {
    case ACCELERATED_NEEDED_ARGUMENT:
      return !has_argument(arguments, table_text(table, rule->text)) ||
             has_argument(arguments, table_text(table, rule->from));
    case ACCELERATED_OWN_NAME: {
      const char* known = table_text(table, rule->text);
      return (!*known || is_known_name(arguments[0], known)) && is_own_name(arguments[0], envp, file);
    }
    case ACCELERATED_NO_METADATA:
      return writes_no_metadata(arguments);
    case ACCELERATED_OWN_PLACE:
      return leads_to(table_text(table, table->files[program->file].path), file);
    case ACCELERATED_ADDED_ARGUMENTS:
      // A call without arguments has its own meaning.
      return arguments[1] != 0;
    case ACCELERATED_NATIVE_CRATES:
      return has_native_crates(arguments);
    default:
      return rule->kind >= ACCELERATED_FINE_PREFIX && rule->kind <= ACCELERATED_TELEMETRY_OFF;
  }
}

// What stands in for the argument after this one; null for most.
static const char* replacement_for(const struct table* table, const struct accelerated_program* program,
                                   const char* argument) {
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    if (rule->kind == ACCELERATED_REPLACED_FILE && same(argument, table_text(table, rule->text)))
      return table_text(table, rule->to);
  }
  return 0;
}

int fits_arguments(const struct table* table, const struct accelerated_program* program, char** arguments,
                   char** envp, const struct stat* file) {
  int wanted = 0, replaced = 0;
  if (!*arguments) return 0;
  for (char** argument = arguments + 1; *argument; ++argument) {
    if (!fits_argument(table, program, argument)) return 0;
    replaced += replacement_for(table, program, *argument) != 0;
  }
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    wanted += rule->kind == ACCELERATED_REPLACED_FILE;
    if (!fits_call(table, program, rule, arguments, envp, file)) return 0;
  }
  return replaced == wanted;
}

struct native_arguments make_native_arguments(const struct table* table,
                                              const struct accelerated_program* program, char** arguments) {
  struct native_arguments made = {0, 0};
  long count = 0;
  while (arguments[count]) ++count;
  // A rule adds at most two.
  made.bytes = (count + 2 * (long)program->rules_count + 1) * (long)sizeof(char*);
  const int read_write = 3, private_anonymous = 0x22;
  const long memory = kernel(__NR_mmap, 0, made.bytes, read_write, private_anonymous, -1, 0);
  if (memory < 0 && memory > -4096) return made;
  made.words = (char**)memory;
  long at = 0;
  made.words[at++] = arguments[0];
  for (uint32_t i = 0; i < program->rules_count; ++i) {
    const struct accelerated_rule* rule = &table->rules[program->rules + i];
    if (rule->kind != ACCELERATED_ADDED_ARGUMENTS || has_option(arguments, table_text(table, rule->text)))
      continue;
    made.words[at++] = (char*)table_text(table, rule->from);
    if (*table_text(table, rule->to)) made.words[at++] = (char*)table_text(table, rule->to);
  }
  const char* replacement = 0;
  for (char** argument = arguments + 1; *argument; ++argument) {
    made.words[at++] = replacement ? (char*)replacement : *argument;
    replacement = replacement ? 0 : replacement_for(table, program, *argument);
  }
  made.words[at] = 0;
  return made;
}

void drop_native_arguments(const struct native_arguments* made) {
  kernel(__NR_munmap, (long)made->words, made->bytes, 0, 0, 0, 0);
}
