// pip's choice: the best of what it could take.
#include "common/wheels/candidates.h"

#include "common/wheels/explanation.h"
#include "common/wheels/usable_files.h"

namespace crossmill::python {

Choice Choose(const ProjectFiles& files, const ChoiceRules& rules, const PythonEnvironment& environment) {
  const UsableFiles::Matching matching =
      UsableFiles(files, rules, environment).Find(rules.specifier, rules.hashes);
  Choice choice;
  const UsableFile* best = matching.files.empty() ? nullptr : &matching.files.front();
  // What has no hash on the page may turn out to have the right one.
  if (best != nullptr && !rules.hashes.empty() && !best->allowed_hash && !best->listed->hashes.empty())
    best = nullptr;
  if (best != nullptr) {
    choice.file = best->file;
    choice.kind = best->rank.has_value() ? Choice::Kind::kWheel : Choice::Kind::kSource;
    choice.tag_rank = best->rank;
  }
  if (choice.kind != Choice::Kind::kWheel) Explain(files, rules, environment, matching.allow_yanked, choice);
  return choice;
}

}  // namespace crossmill::python
