// Who has something built, or gives an image its name. Pure.
#pragma once

#include <string>

#include "crossmill/v1/build.pb.h"

namespace crossmill::core {

struct Author {
  // Name of the token; empty for the operator of the coordinator's machine and for the farm itself.
  std::string owner = {};
  // The role operate, or that machine's operator: what others own, too.
  bool operates = true;
};

inline Author AuthorOf(const v1::BuildSubmission& submission) {
  return {submission.owner(), submission.owner().empty() || submission.owner_operates()};
}

inline void SetAuthor(const Author& author, v1::BuildSubmission* submission) {
  submission->set_owner(author.owner);
  // Without owner it is the operator's, which needs no word.
  submission->set_owner_operates(author.operates && !author.owner.empty());
}

}  // namespace crossmill::core
