#include "coordinator/retention/message_digests.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"

namespace crossmill::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using BlobDigest = build::bazel::remote::execution::v2::Digest;

bool IsTree(std::string_view field) {
  return field == "context_root" || field == "tree" || field == "directory";
}

// "manifest_digest", "image_digest", "index_digest".
bool IsImageText(std::string_view field) { return field.ends_with("_digest"); }

void AddImage(std::string_view text, NamedDigests* digests) {
  const auto hash = HashOfOci(text);
  if (hash.ok()) digests->images.push_back(*hash);
}

void AddDigest(const FieldDescriptor& field, const Digest& digest, NamedDigests* digests) {
  if (!IsSha256Hex(digest.hash)) return;
  digests->blobs.push_back(digest);
  if (IsTree(field.name())) digests->trees.push_back(digest);
  if (field.name() == "image_root" || field.name() == "image_manifest")
    digests->images.push_back(digest.hash);
}

void AddMessage(const FieldDescriptor& field, const Message& message, NamedDigests* digests) {
  if (field.message_type() == BlobDigest::descriptor()) {
    AddDigest(field, FromProto(static_cast<const BlobDigest&>(message)), digests);
  } else {
    CollectDigests(message, digests);
  }
}

}  // namespace

void CollectDigests(const Message& message, NamedDigests* digests) {
  const google::protobuf::Reflection& values = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  values.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int size = field->is_repeated() ? values.FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        AddMessage(*field,
                   field->is_repeated() ? values.GetRepeatedMessage(message, field, i)
                                        : values.GetMessage(message, field),
                   digests);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && IsImageText(field->name())) {
        AddImage(field->is_repeated() ? values.GetRepeatedString(message, field, i)
                                      : values.GetString(message, field),
                 digests);
      }
    }
  }
}

}  // namespace crossmill::coordinator
