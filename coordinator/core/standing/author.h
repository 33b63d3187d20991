// Who has something built, or gives an image its name. Pure.
#pragma once

#include <string>
#include <string_view>

#include "crossmill/v1/build.pb.h"

namespace crossmill::core {

// The project of everything that names none: what a farm has that knows no others.
inline constexpr std::string_view kDefaultProject = "default";

struct Author {
  // Name of the token; empty for the operator of the coordinator's machine and for the farm itself.
  std::string owner = {};
  // The role operate, or that machine's operator: what others own, too.
  bool operates = true;
  // Never empty.
  std::string project = std::string(kDefaultProject);
};

inline std::string ProjectOf(const v1::BuildSubmission& submission) {
  return submission.project().empty() ? std::string(kDefaultProject) : submission.project();
}

inline Author AuthorOf(const v1::BuildSubmission& submission) {
  return {submission.owner(), submission.owner().empty() || submission.owner_operates(),
          ProjectOf(submission)};
}

// Who it is among all: tokens of two projects may have one name. Names of tokens have no "/".
inline std::string ClientOf(const Author& author) {
  return author.project == kDefaultProject ? author.owner : author.project + "/" + author.owner;
}

inline void SetAuthor(const Author& author, v1::BuildSubmission* submission) {
  submission->set_owner(author.owner);
  // Without owner it is the operator's, which needs no word.
  submission->set_owner_operates(author.operates && !author.owner.empty());
  // Nor does the project that every farm has: submissions of before there were others stay the same.
  submission->set_project(author.project == kDefaultProject ? "" : author.project);
}

}  // namespace crossmill::core
