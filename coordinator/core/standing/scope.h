// What of the farm a caller may see: the rule of the walls between projects (docs/security.md, "Projects").
// Pure: whoever reads the record asks it, or has the record ask it in SQL
// (coordinator/storage/people/project_sql.h).
#pragma once

#include <string>
#include <string_view>

#include "coordinator/core/standing/author.h"

namespace crossmill::core {

// All, or what is of one project. A door always says which: ScopeOf the caller. Where a reader of the record
// may be asked without one it tells of the whole farm, which is for the farm itself and for tests.
class Scope {
 public:
  static Scope OfFarm() { return Scope(""); }
  static Scope OfProject(std::string_view project) {
    return Scope(project.empty() ? kDefaultProject : project);
  }

  bool is_farm() const { return project_.empty(); }
  // Empty: all of them. For queries.
  const std::string& project() const { return project_; }
  // `project`: whose it is; empty: of the project that every farm has.
  bool Sees(std::string_view project) const {
    return is_farm() || project_ == (project.empty() ? kDefaultProject : project);
  }
  bool Sees(const v1::BuildSubmission& submission) const { return Sees(submission.project()); }
  // A text that InProject made.
  bool SeesKey(std::string_view key) const;

  bool operator==(const Scope&) const = default;

 private:
  explicit Scope(std::string_view project) : project_(project) {}
  std::string project_;
};

// Who decides about the farm sees all of it, everybody else their project.
inline Scope ScopeOf(const Author& author) {
  return author.operates ? Scope::OfFarm() : Scope::OfProject(author.project);
}

// The text as a key that no text of another project gives: unchanged in the project that every farm has, so
// that a record from before there were others means the same; "project shop, TEXT" in others. A key of the
// project stays as it is.
std::string InProject(std::string_view project, std::string_view text);
// Whose key it is.
std::string_view ProjectOfKey(std::string_view key);

}  // namespace crossmill::core
