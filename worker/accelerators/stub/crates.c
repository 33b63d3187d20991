// A call names the crates that it uses itself (--extern NAME=FILE), and folders with those that these use in
// turn (-L dependency=FOLDER). Which of a folder a call reads is told by the metadata of the named ones: it
// lists all crates below, each with what its file's name ends with (-C extra-filename, of cargo a hash).
// So a shared object in such a folder is read if what its name ends with occurs in one of the named files.
// Folders of other kinds are those that `extern crate` looks into: there any shared object with Rust's
// metadata (section .rustc) is one too many, and of another crate nobody says whether the call reads it.
#include "worker/accelerators/stub/crates.h"

#include <elf.h>

#include "worker/accelerators/stub/files.h"
#include "worker/accelerators/stub/folders.h"
#include "worker/accelerators/stub/kernel.h"
#include "worker/accelerators/stub/texts.h"

// A name that ends with less could be anything's.
enum { kMostEndings = 64, kShortestEnding = 9, kLongestEnding = 40, kMostSections = 200 };

struct endings {
  // There are crates besides the named ones that the call may read.
  int others;
  char text[kMostEndings][kLongestEnding + 1];
  size_t length[kMostEndings];
  int count;
};

static int is_shared_object(const char* name) { return begins(name, "lib") && ends(name, ".so"); }

// Of "libserde_derive-0123456789abcdef.so" what is from the dash to the dot.
static int note_ending(const char* name, void* context) {
  struct endings* endings = (struct endings*)context;
  if (!is_shared_object(name)) return 1;
  const size_t end = length_of(name) - 3;
  size_t begin = end;
  while (begin > 0 && name[begin] != '-') --begin;
  const size_t length = end - begin;
  if (begin == 0 || length < kShortestEnding || length > kLongestEnding || endings->count >= kMostEndings)
    return 0;
  for (size_t i = 0; i < length; ++i) endings->text[endings->count][i] = name[begin + i];
  endings->length[endings->count++] = length;
  return 1;
}

static int has_ending(const char* bytes, size_t left, const struct endings* endings) {
  for (int i = 0; i < endings->count; ++i) {
    size_t at = 0;
    while (at < endings->length[i] && at < left && bytes[at] == endings->text[i][at]) ++at;
    if (at == endings->length[i]) return 1;
  }
  return 0;
}

// Whether none of the texts, which all begin with the character, is in the file.
static int has_none_in_file(const char* path, char first, const struct endings* endings) {
  struct stat state;
  const int fd = kernel_open(path);
  if (fd < 0) return 0;
  const int read = 1, private_mapping = 2;
  long mapped = -1;
  if (kernel_fstat(fd, &state) == 0 && state.st_size > 0)
    mapped = kernel(__NR_mmap, 0, state.st_size, read, private_mapping, fd, 0);
  kernel_close(fd);
  if (mapped < 0 && mapped > -4096) return 0;
  const char* bytes = (const char*)mapped;
  const size_t size = (size_t)state.st_size;
  int none = 1;
  for (size_t at = 0; none && at < size; ++at) {
    if (bytes[at] == first) none = !has_ending(bytes + at, size - at, endings);
  }
  kernel(__NR_munmap, mapped, state.st_size, 0, 0, 0, 0);
  return none;
}

// ".rustc" among the names of an ELF file's sections. What is no such file rustc does not read, either.
static int has_metadata(int fd) {
  Elf64_Ehdr header;
  Elf64_Shdr sections[kMostSections], *names;
  char name[sizeof(".rustc")];
  if (kernel_pread(fd, &header, sizeof(header), 0) != (long)sizeof(header) || header.e_ident[0] != 0x7f ||
      header.e_shentsize != sizeof(*sections) || header.e_shstrndx >= header.e_shnum)
    return 0;
  if (header.e_shnum > kMostSections) return 1;
  const long size = (long)(header.e_shnum * sizeof(*sections));
  if (kernel_pread(fd, sections, (size_t)size, header.e_shoff) != size) return 0;
  names = &sections[header.e_shstrndx];
  for (int i = 0; i < header.e_shnum; ++i) {
    const long count = kernel_pread(fd, name, sizeof(name), names->sh_offset + sections[i].sh_name);
    if (count == (long)sizeof(name) && begins(name, ".rustc") && name[sizeof(name) - 1] == 0) return 1;
  }
  return 0;
}

struct crate_folder {
  const char* path;
  struct endings* endings;
};

static int is_no_macro(const char* name, void* context) {
  const struct crate_folder* folder = (const struct crate_folder*)context;
  char path[kMostPath];
  if (ends(name, ".rlib") || ends(name, ".rmeta")) folder->endings->others = 1;
  if (!is_shared_object(name)) return 1;
  if (!join_path(path, sizeof(path), folder->path, length_of(folder->path), name)) return 0;
  const int fd = kernel_open(path);
  if (fd < 0) return 1;
  const int crate = has_metadata(fd);
  kernel_close(fd);
  return !crate;
}

// Whether a folder of -L ("KIND=PATH" or "PATH") has no crate that a native program cannot load, but for what
// is noted.
static int is_fine_folder(const char* folder, struct endings* endings) {
  if (begins(folder, "native=") || begins(folder, "framework=")) return 1;
  if (begins(folder, "dependency=")) {
    const char* path = folder + sizeof("dependency=") - 1;
    return for_each_entry(path, note_ending, endings) || !kernel_exists(path);
  }
  if (begins(folder, "crate=")) folder += sizeof("crate=") - 1;
  if (begins(folder, "all=")) folder += sizeof("all=") - 1;
  struct crate_folder context = {folder, endings};
  return for_each_entry(folder, is_no_macro, &context) || !kernel_exists(folder);
}

// The value of an option, which is its own argument or behind `option`; null: it is another argument.
static const char* value_behind(char** argument, const char* option, const char* joined) {
  if (same(*argument, option)) return argument[1] ? argument[1] : "";
  return begins(*argument, joined) ? *argument + length_of(joined) : 0;
}

// The file of "NAME=FILE"; null: only a name.
static const char* file_of(const char* crate) {
  while (*crate && *crate != '=') ++crate;
  return *crate ? crate + 1 : 0;
}

// Whether a list that is separated by commas has only words among `known`, or else none of them.
static int are_words(const char* list, const char* known, int among) {
  char word[kLongestEnding];
  for (;;) {
    size_t length = 0;
    while (list[length] && list[length] != ',' && list[length] != '=') {
      if (length >= sizeof(word) - 1) return 0;
      word[length] = list[length];
      ++length;
    }
    word[length] = 0;
    if (has_word(known, word) != among) return 0;
    // The name of a file may follow.
    while (list[length] && list[length] != ',') ++length;
    if (!list[length]) return 1;
    list += length + 1;
  }
}

static int is_regular(const char* path) {
  struct stat state;
  const unsigned type = 0170000, regular = 0100000;
  return kernel(__NR_stat, (long)path, (long)&state, 0, 0, 0, 0) == 0 && (state.st_mode & type) == regular;
}

// Whether a crate's first file says itself what it is. A file that cannot be read is no program, either.
static int says_crate_type(const char* path) {
  static const char text[] = "crate_type";
  struct endings type;
  for (size_t i = 0; i < sizeof(text); ++i) type.text[0][i] = text[i];
  type.length[0] = sizeof(text) - 1;
  type.count = 1;
  return !has_none_in_file(path, 'c', &type);
}

int writes_no_metadata(char** arguments) {
  int types = 0, sources = 0, said = 0;
  for (char** argument = arguments + 1; *argument; ++argument) {
    const char* type = value_behind(argument, "--crate-type", "--crate-type=");
    const char* emitted = value_behind(argument, "--emit", "--emit=");
    if (type && !are_words(type, "bin cdylib staticlib", 1)) return 0;
    if (emitted && !are_words(emitted, "metadata", 0)) return 0;
    types += type != 0;
    // Which of the arguments is the crate's first file only a reader of all options knows: so each file.
    if (**argument == '-' || (!ends(*argument, ".rs") && !is_regular(*argument))) continue;
    sources += ends(*argument, ".rs");
    said |= says_crate_type(*argument);
  }
  return types > 0 || (sources == 1 && !said);
}

int has_native_crates(char** arguments) {
  struct endings endings;
  endings.count = endings.others = 0;
  for (char** argument = arguments + 1; *argument; ++argument) {
    const char* folder = value_behind(argument, "-L", "-L");
    if (folder && !is_fine_folder(folder, &endings)) return 0;
  }
  if (endings.count > 0 && endings.others) return 0;
  for (char** argument = arguments + 1; *argument; ++argument) {
    const char* crate = value_behind(argument, "--extern", "--extern=");
    const char* file = crate ? file_of(crate) : 0;
    if (file && (ends(file, ".so") || (endings.count > 0 && !has_none_in_file(file, '-', &endings))))
      return 0;
  }
  return 1;
}
