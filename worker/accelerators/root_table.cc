#include "worker/accelerators/root_table.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/accelerators/table_format.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

class TableWriter {
 public:
  TableWriter(int root, RecognisedFiles* contents) : root_(root), contents_(*contents) {}

  // Returns the file's place; `known` tells whether the root has it.
  uint32_t AddFile(const RootFile& file, bool* known) {
    accelerated_file entry{};
    const std::string digest = absl::HexStringToBytes(file.digest.hash);
    std::memcpy(entry.sha256, digest.data(), sizeof(entry.sha256));
    entry.size = static_cast<uint64_t>(file.digest.size);
    entry.path = AddText(file.path);
    *known = Recognise(file, &entry);
    files_.push_back(entry);
    return static_cast<uint32_t>(files_.size() - 1);
  }

  // The first of what the tool stands for that the root does not have; empty: it has everything.
  std::string AddTool(const AcceleratedTool& tool) {
    bool known = false;
    accelerated_program program{};
    program.file = AddFile(tool.stands_for, &known);
    std::string differs = known ? "" : "its content is another one";
    program.needs = static_cast<uint32_t>(files_.size());
    program.needs_count = static_cast<uint32_t>(tool.needs.size());
    for (const RootFile& file : tool.needs) {
      AddFile(file, &known);
      if (!known && differs.empty()) differs = fmt::format("{} is another one, or not there", file.path);
    }
    program.rules = static_cast<uint32_t>(rules_.size());
    program.rules_count = static_cast<uint32_t>(tool.rules.size());
    for (const CallRule& rule : tool.rules) {
      rules_.push_back(EntryOf(rule));
      if (differs.empty()) differs = OtherEntryOf(rule);
    }
    program.native = AddText(fmt::format("{}/{}", CROSSMILL_ACCELERATORS_FOLDER, tool.program));
    programs_.push_back(program);
    return differs;
  }

  size_t known() const {
    return static_cast<size_t>(std::count_if(files_.begin(), files_.end(),
                                             [](const accelerated_file& file) { return file.known != 0; }));
  }

  std::string Finish(bool quick_processor) {
    // A table has a text, so that its last byte ends one.
    if (texts_.empty()) AddText("");
    const size_t before_texts = sizeof(accelerated_table) + files_.size() * sizeof(accelerated_file) +
                                programs_.size() * sizeof(accelerated_program) +
                                rules_.size() * sizeof(accelerated_rule);
    const auto move = [&](uint32_t* place) { *place += static_cast<uint32_t>(before_texts); };
    for (accelerated_file& file : files_) move(&file.path);
    for (accelerated_rule& rule : rules_) {
      move(&rule.text);
      move(&rule.from);
      move(&rule.to);
    }
    for (accelerated_program& program : programs_) move(&program.native);
    accelerated_table header{};
    std::memcpy(header.magic, CROSSMILL_TABLE_MAGIC, sizeof(header.magic));
    header.bytes = static_cast<uint32_t>(before_texts + texts_.size());
    header.files_count = static_cast<uint32_t>(files_.size());
    header.programs_count = static_cast<uint32_t>(programs_.size());
    header.rules_count = static_cast<uint32_t>(rules_.size());
    header.quick_processor = quick_processor ? 1 : 0;
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    bytes.append(reinterpret_cast<const char*>(files_.data()), files_.size() * sizeof(accelerated_file));
    bytes.append(reinterpret_cast<const char*>(programs_.data()),
                 programs_.size() * sizeof(accelerated_program));
    bytes.append(reinterpret_cast<const char*>(rules_.data()), rules_.size() * sizeof(accelerated_rule));
    return bytes + texts_;
  }

 private:
  // Its place among the texts.
  uint32_t AddText(const std::string& text) {
    const auto place = static_cast<uint32_t>(texts_.size());
    texts_.append(text.c_str(), text.size() + 1);
    return place;
  }

  accelerated_rule EntryOf(const CallRule& rule) {
    accelerated_rule entry{};
    entry.kind = rule.kind;
    entry.text = entry.from = entry.to = AddText(rule.text);
    switch (rule.kind) {
      case ACCELERATED_REPLACED_FILE:
        entry.from = AddText(rule.from);
        entry.to = AddText(fmt::format("{}/{}", CROSSMILL_ACCELERATORS_FOLDER, rule.to));
        break;
      case ACCELERATED_ADDED_ARGUMENTS:
      case ACCELERATED_NEEDED_ARGUMENT:
      case ACCELERATED_LIBRARY_FOLDERS:
      case ACCELERATED_FOLDER_ENTRIES:
      case ACCELERATED_FOLDER_WITHOUT:
        entry.from = AddText(rule.from);
        entry.to = AddText(rule.to);
        break;
      default:
        break;
    }
    return entry;
  }

  // What the root's folder has that the rule does not let it have; empty: nothing, or the rule is of no
  // folder.
  std::string OtherEntryOf(const CallRule& rule) const {
    if (rule.kind != ACCELERATED_FOLDER_ENTRIES && rule.kind != ACCELERATED_FOLDER_WITHOUT) return "";
    const auto folder = OpenInRoot(root_, rule.text, O_RDONLY | O_DIRECTORY);
    if (!folder.ok()) return "";
    const auto names = ListFolder(fmt::format("/proc/self/fd/{}", folder->get()));
    if (!names.ok()) return "";
    const std::vector<std::string> entries = absl::StrSplit(rule.from, ' ');
    for (const std::string& name : *names) {
      const bool fine = rule.kind == ACCELERATED_FOLDER_ENTRIES
                            ? std::find(entries.begin(), entries.end(), name) != entries.end()
                            : !name.ends_with(rule.from);
      if (!fine) return fmt::format("{} has {}, too", rule.text, name);
    }
    return "";
  }

  bool Recognise(const RootFile& file, accelerated_file* entry) const {
    // O_NONBLOCK: a root may have a pipe in the place of a program.
    const auto opened = OpenInRoot(root_, file.path, O_RDONLY | O_NONBLOCK);
    struct stat before {
    }, after{};
    if (!opened.ok() || fstat(opened->get(), &before) != 0 || !S_ISREG(before.st_mode)) return false;
    if (before.st_size != file.digest.size) return false;
    after = before;
    if (!contents_.Has(before, file.digest)) {
      const auto bytes = ReadAll(opened->get(), file.digest.size);
      if (!bytes.ok() || DigestOf(*bytes) != file.digest || fstat(opened->get(), &after) != 0) return false;
      contents_.Add(after, file.digest);
    }
    entry->device = after.st_dev;
    entry->inode = after.st_ino;
    entry->ctime_seconds = after.st_ctim.tv_sec;
    entry->ctime_nanoseconds = static_cast<uint32_t>(after.st_ctim.tv_nsec);
    entry->known = 1;
    return true;
  }

  const int root_;
  RecognisedFiles& contents_;
  std::vector<accelerated_file> files_;
  std::vector<accelerated_program> programs_;
  std::vector<accelerated_rule> rules_;
  std::string texts_;
};

}  // namespace

absl::StatusOr<RootTable> MakeRootTable(const std::vector<AcceleratedTool>& tools, bool quick_processor,
                                        int root, RecognisedFiles* known) {
  TableWriter writer(root, known);
  RootTable table;
  for (const AcceleratedTool& tool : tools) {
    if (std::string differs = writer.AddTool(tool); differs.empty()) {
      table.present.push_back(tool.name);
    } else {
      table.differing.emplace(tool.name, std::move(differs));
    }
  }
  table.known = writer.known();
  table.bytes = writer.Finish(quick_processor);
  if (table.bytes.size() > CROSSMILL_TABLE_MOST_BYTES) {
    return absl::ResourceExhaustedError(
        fmt::format("the table of an accelerator set has {} bytes, at most {} are read", table.bytes.size(),
                    CROSSMILL_TABLE_MOST_BYTES));
  }
  return table;
}

}  // namespace crossmill::worker
