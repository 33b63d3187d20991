// Which blobs a message of the record names, wherever in it: plans, submissions, views. Read from
// descriptors, so that a field that is added later is not forgotten.
#pragma once

#include <string>
#include <vector>

#include "common/base/digest.h"

namespace google::protobuf {
class Message;
}

namespace crossmill::coordinator {

struct NamedDigests {
  // Blobs themselves; a tree's or an image's too.
  std::vector<Digest> blobs;
  // Roots of Merkle trees, with everything below them.
  std::vector<Digest> trees;
  // Indexes or manifests ("sha256:..." in a field that is named after a digest, or an image root), with
  // everything that they refer to: hashes.
  std::vector<std::string> images;
};

// Appends.
void CollectDigests(const google::protobuf::Message& message, NamedDigests* digests);

}  // namespace crossmill::coordinator
