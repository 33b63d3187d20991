#include "worker/tree/users.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

constexpr int64_t kDatabaseLimit = 16 << 20;

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint32_t> Number(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct PasswdEntry {
  std::string_view name;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string_view home;
};

struct GroupEntry {
  std::string_view name;
  uint32_t gid = 0;
  std::vector<std::string_view> members;
};

// Both files of one root, parsed. A missing file is an empty one; lines that make no sense are skipped.
class Database {
 public:
  static absl::StatusOr<Database> Read(const std::string& root) {
    Database database;
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenRoot(root));
    ASSIGN_OR_RETURN(database.passwd_, ReadOptional(fd.get(), "/etc/passwd"));
    ASSIGN_OR_RETURN(database.group_, ReadOptional(fd.get(), "/etc/group"));
    return database;
  }

  // By name, else by number.
  std::optional<PasswdEntry> FindUser(std::string_view text) const {
    std::optional<PasswdEntry> by_number;
    const std::optional<uint32_t> number = Number(text);
    for (const std::string_view line : Split(passwd_, '\n')) {
      const auto fields = Split(line, ':');
      if (fields.size() < 6) continue;
      const auto uid = Number(fields[2]);
      const auto gid = Number(fields[3]);
      if (!uid || !gid) continue;
      const PasswdEntry entry{fields[0], *uid, *gid, fields[5]};
      if (entry.name == text) return entry;
      if (number == uid && !by_number) by_number = entry;
    }
    return by_number;
  }

  std::optional<uint32_t> FindGroup(std::string_view text) const {
    std::optional<uint32_t> found;
    ForEachGroup([&](const GroupEntry& group) {
      if (!found && group.name == text) found = group.gid;
    });
    return found ? found : Number(text);
  }

  std::vector<uint32_t> GroupsOf(std::string_view user) const {
    std::vector<uint32_t> groups;
    ForEachGroup([&](const GroupEntry& group) {
      if (std::find(group.members.begin(), group.members.end(), user) != group.members.end()) {
        groups.push_back(group.gid);
      }
    });
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
    return groups;
  }

 private:
  static absl::StatusOr<std::string> ReadOptional(int root, std::string_view path) {
    auto text = ReadFileInRoot(root, path, kDatabaseLimit);
    if (absl::IsNotFound(text.status()) || absl::IsInvalidArgument(text.status())) return std::string();
    return text;
  }

  void ForEachGroup(const std::function<void(const GroupEntry&)>& visit) const {
    for (const std::string_view line : Split(group_, '\n')) {
      const auto fields = Split(line, ':');
      if (fields.size() < 3) continue;
      const auto gid = Number(fields[2]);
      if (gid)
        visit({fields[0], *gid, fields.size() > 3 ? Split(fields[3], ',') : std::vector<std::string_view>()});
    }
  }

  std::string passwd_;
  std::string group_;
};

absl::Status Unknown(std::string_view what, std::string_view name) {
  return absl::InvalidArgumentError(fmt::format("unable to find {} {}: no matching entries in /etc/{}", what,
                                                name, what == "user" ? "passwd" : "group"));
}

}  // namespace

absl::StatusOr<User> ResolveUser(const std::string& root, std::string_view text) {
  ASSIGN_OR_RETURN(const Database database, Database::Read(root));
  const size_t colon = text.find(':');
  const std::string_view user = text.empty() || colon == 0 ? "0" : text.substr(0, colon);
  const std::string_view group = colon == text.npos ? "" : text.substr(colon + 1);
  User resolved;
  if (const auto entry = database.FindUser(user)) {
    resolved.uid = entry->uid;
    resolved.gid = entry->gid;
    if (!entry->home.empty()) resolved.home = std::string(entry->home);
    if (group.empty()) resolved.groups = database.GroupsOf(entry->name);
  } else if (const auto number = Number(user)) {
    resolved.uid = *number;
  } else {
    return Unknown("user", user);
  }
  if (!group.empty()) {
    const auto gid = database.FindGroup(group);
    if (!gid) return Unknown("group", group);
    resolved.gid = *gid;
  }
  const auto place = std::lower_bound(resolved.groups.begin(), resolved.groups.end(), resolved.gid);
  if (place == resolved.groups.end() || *place != resolved.gid) resolved.groups.insert(place, resolved.gid);
  return resolved;
}

absl::StatusOr<Owner> ResolveOwner(const std::string& root, std::string_view text) {
  if (text.empty()) return Owner{};
  const size_t colon = text.find(':');
  const std::string_view user = text.substr(0, colon);
  const std::string_view group = colon == text.npos ? "" : text.substr(colon + 1);
  Owner owner;
  const auto number = Number(user);
  if (number) {
    owner = {*number, *number};
    if (group.empty()) return owner;
  }
  ASSIGN_OR_RETURN(const Database database, Database::Read(root));
  if (!number && !user.empty()) {
    // As in Docker's builder, a user or group that is not there is root's; only a step cannot run as one.
    if (const auto entry = database.FindUser(user)) owner = {entry->uid, entry->gid};
  }
  if (!group.empty()) {
    if (const auto gid = Number(group) ? Number(group) : database.FindGroup(group)) owner.gid = *gid;
  }
  return owner;
}

}  // namespace crossmill::worker
