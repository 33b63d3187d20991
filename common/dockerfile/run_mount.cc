#include "common/dockerfile/run_mount.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/dockerfile/go_format.h"
#include "common/dockerfile/recipe_error.h"

namespace crossmill::dockerfile {
namespace {

const std::vector<std::string>& Keys() {
  static const std::vector<std::string> keys = {
      "type", "from", "source",  "src",  "target",   "dst", "destination", "readonly", "ro", "readwrite",
      "rw",   "id",   "sharing", "size", "required", "env", "mode",        "uid",      "gid"};
  return keys;
}

const std::vector<std::string>& Types() {
  static const std::vector<std::string> types = {"bind", "cache", "tmpfs", "secret", "ssh"};
  return types;
}

const std::vector<std::string>& SharingModes() {
  static const std::vector<std::string> modes = {"shared", "private", "locked"};
  return modes;
}

std::string TypeName(v1::RunMount::Type type) { return Types()[static_cast<size_t>(type) - 1]; }

// "; did you mean X?" or all there are.
std::string Expected(std::string_view word, const std::vector<std::string>& known) {
  const std::string hint = DidYouMean(word, known);
  return hint.empty() ? "; expected one of " + absl::StrJoin(known, ", ") : hint;
}

struct Field {
  // Lower case.
  std::string key;
  std::string value;
  bool has_value = false;
  size_t offset = 0;
};

class MountReader {
 public:
  MountReader(std::string_view file, const Instruction& instruction, const Flag& flag)
      : file_(file), instruction_(instruction), flag_(flag) {}

  absl::StatusOr<std::vector<Field>> Split() const;
  absl::StatusOr<MountSpec> Read(const ExpandText& expand);

 private:
  absl::Status Error(const Field& field, std::string_view message) const {
    return RecipeError(instruction_.PlaceOf(file_, field.offset), message);
  }
  absl::Status Error(std::string_view message) const {
    return RecipeError(instruction_.PlaceOf(file_, flag_.offset), message);
  }
  absl::Status BadValue(const Field& field, std::string_view expected) const {
    return Error(
        field, fmt::format("--mount: {} has the value '{}'; expected {}", field.key, field.value, expected));
  }
  // A key that only some types have.
  absl::Status OnlyFor(const Field& field, std::string_view types) const {
    return Error(field,
                 fmt::format("--mount: {} does not belong to type={}; expected it with {} (type= comes "
                             "before it)",
                             field.key, TypeName(mount_.type), types));
  }
  bool Is(v1::RunMount::Type type) const { return mount_.type == type; }
  absl::Status Apply(const Field& field);
  absl::Status ApplyAccess(const Field& field);
  absl::Status ApplyNumber(const Field& field);
  absl::Status Check() const;

  const std::string_view file_;
  const Instruction& instruction_;
  const Flag& flag_;
  MountSpec mount_;
  bool access_given_ = false;
};

absl::StatusOr<std::vector<Field>> MountReader::Split() const {
  const std::optional<std::vector<std::string>> texts = ReadCsvRecord(flag_.value);
  if (!texts) {
    return Error(fmt::format("--mount has the value '{}'; expected KEY=VALUE,KEY=VALUE...", flag_.value));
  }
  std::vector<Field> fields;
  size_t from = flag_.offset;
  for (const std::string& text : *texts) {
    Field& field = fields.emplace_back();
    // Where quotes or escapes were taken away the flag's own place has to do.
    const size_t found = text.empty() ? std::string::npos : instruction_.text.find(text, from);
    field.offset = found == std::string::npos ? flag_.offset : found;
    if (found != std::string::npos) from = found + text.size();
    const size_t equals = text.find('=');
    field.key = absl::AsciiStrToLower(Av(std::string_view(text).substr(0, equals)));
    field.has_value = equals != std::string::npos;
    if (field.has_value) field.value = text.substr(equals + 1);
  }
  return fields;
}

absl::StatusOr<MountSpec> MountReader::Read(const ExpandText& expand) {
  ASSIGN_OR_RETURN(std::vector<Field> fields, Split());
  for (Field& field : fields) {
    if (field.has_value) {
      absl::StatusOr<std::string> value = expand(field.value);
      if (!value.ok()) return Error(field, Sv(value.status().message()));
      field.value = *std::move(value);
    }
    RETURN_IF_ERROR(Apply(field));
  }
  RETURN_IF_ERROR(Check());
  if (!access_given_) {
    mount_.read_only = !Is(v1::RunMount::TYPE_CACHE) && !Is(v1::RunMount::TYPE_TMPFS);
  }
  return std::move(mount_);
}

absl::Status MountReader::Apply(const Field& field) {
  const std::string& key = field.key;
  if (std::find(Keys().begin(), Keys().end(), key) == Keys().end()) {
    return Error(field, fmt::format("--mount: unknown key '{}'{}", key, Expected(key, Keys())));
  }
  if (key == "readonly" || key == "ro" || key == "readwrite" || key == "rw" || key == "required") {
    return ApplyAccess(field);
  }
  if (!field.has_value) {
    return Error(field, fmt::format("--mount: {} has no value; expected {}=VALUE", key, key));
  }
  if (key == "type") {
    const std::string name = absl::AsciiStrToLower(field.value);
    const auto found = std::find(Types().begin(), Types().end(), name);
    if (found == Types().end()) {
      return Error(field, fmt::format("--mount: unknown type '{}'{}", field.value, Expected(name, Types())));
    }
    mount_.type = static_cast<v1::RunMount::Type>(found - Types().begin() + 1);
  } else if (key == "from") {
    mount_.from = field.value;
  } else if (key == "source" || key == "src") {
    mount_.source = field.value;
  } else if (key == "target" || key == "dst" || key == "destination") {
    mount_.target = field.value;
  } else if (key == "id") {
    mount_.id = field.value;
  } else if (key == "sharing") {
    const std::string name = absl::AsciiStrToLower(field.value);
    const auto found = std::find(SharingModes().begin(), SharingModes().end(), name);
    if (found == SharingModes().end()) {
      return Error(
          field, fmt::format("--mount: unknown sharing '{}'{}", field.value, Expected(name, SharingModes())));
    }
    mount_.sharing = static_cast<v1::RunMount::Sharing>(found - SharingModes().begin());
  } else if (key == "env") {
    if (!Is(v1::RunMount::TYPE_SECRET)) return OnlyFor(field, "type=secret");
    if (field.value.empty() || field.value.find('=') != std::string::npos) {
      return BadValue(field, "the name of a variable");
    }
    mount_.env = field.value;
  } else {
    return ApplyNumber(field);
  }
  return absl::OkStatus();
}

// Keys that may stand alone.
absl::Status MountReader::ApplyAccess(const Field& field) {
  bool value = true;
  if (field.has_value) {
    const std::optional<bool> parsed = ParseGoBool(field.value);
    if (!parsed) return BadValue(field, "true or false");
    value = *parsed;
  }
  if (field.key == "required") {
    if (!Is(v1::RunMount::TYPE_SECRET) && !Is(v1::RunMount::TYPE_SSH))
      return OnlyFor(field, "type=secret or type=ssh");
    mount_.required = value;
    return absl::OkStatus();
  }
  mount_.read_only = field.key.starts_with("ro") || field.key == "readonly" ? value : !value;
  access_given_ = true;
  return absl::OkStatus();
}

absl::Status MountReader::ApplyNumber(const Field& field) {
  if (field.key == "size") {
    if (!Is(v1::RunMount::TYPE_TMPFS)) return OnlyFor(field, "type=tmpfs");
    const std::optional<int64_t> bytes = ParseByteCount(field.value);
    if (!bytes) return BadValue(field, "a number of bytes, such as 64m or 1g");
    mount_.size = *bytes;
    return absl::OkStatus();
  }
  const bool octal = field.key == "mode";
  const std::string_view digits = octal ? "01234567" : "0123456789";
  uint64_t number = 0;
  bool valid = !field.value.empty() && field.value.size() <= 20 &&
               field.value.find_first_not_of(digits) == std::string::npos;
  for (size_t i = 0; valid && i < field.value.size(); ++i) {
    number = number * (octal ? 8 : 10) + static_cast<uint64_t>(field.value[i] - '0');
    valid = number <= UINT32_MAX;
  }
  if (!valid) return BadValue(field, octal ? "an octal mode, such as 0400" : "a number");
  (octal ? mount_.mode : field.key == "uid" ? mount_.uid : mount_.gid) = static_cast<uint32_t>(number);
  return absl::OkStatus();
}

absl::Status MountReader::Check() const {
  const std::string name = TypeName(mount_.type);
  if (Is(v1::RunMount::TYPE_BIND) || Is(v1::RunMount::TYPE_TMPFS)) {
    const std::string_view key = mount_.mode ? "mode" : mount_.uid ? "uid" : mount_.gid ? "gid" : "";
    if (!key.empty()) {
      return Error(
          fmt::format("--mount: {} does not belong to type={}; expected it with type=cache, "
                      "type=secret or type=ssh",
                      key, name));
    }
  }
  if (mount_.sharing && !Is(v1::RunMount::TYPE_CACHE)) {
    return Error(
        fmt::format("--mount: sharing does not belong to type={}; expected it with type=cache", name));
  }
  if (Is(v1::RunMount::TYPE_SECRET)) {
    if (!mount_.from.empty()) return Error("--mount: a secret has no from; expected only id, target or env");
    if (mount_.source.empty() && mount_.target.empty() && mount_.id.empty()) {
      return Error("--mount: the secret has no name; expected id=NAME or target=PATH");
    }
    if (!mount_.source.empty() && !mount_.id.empty()) {
      return Error("--mount: the secret has both source and id; expected one of them");
    }
  }
  if (Is(v1::RunMount::TYPE_SSH) && !mount_.source.empty()) {
    return Error("--mount: an ssh agent has no source; expected id=NAME or nothing");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MountFrom> ReadMountFrom(std::string_view file, const Instruction& instruction,
                                        const Flag& flag) {
  ASSIGN_OR_RETURN(const std::vector<Field> fields, MountReader(file, instruction, flag).Split());
  MountFrom from{"", flag.offset};
  for (const Field& field : fields) {
    if (field.key != "from" || !field.has_value) continue;
    const size_t dollar = field.value.find('$');
    if (dollar != std::string::npos && dollar + 1 < field.value.size()) {
      return RecipeError(instruction.PlaceOf(file, field.offset),
                         "variables are not expanded in from=; expected a stage, a build context or an image "
                         "(define a stage with FROM and an ARG before the first FROM instead)");
    }
    from = {field.value, field.offset};
  }
  return from;
}

absl::StatusOr<MountSpec> ReadMount(std::string_view file, const Instruction& instruction, const Flag& flag,
                                    const ExpandText& expand) {
  return MountReader(file, instruction, flag).Read(expand);
}

}  // namespace crossmill::dockerfile
