#include "coordinator/storage/needs/message_digests.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/status.h"

namespace crossmill::storage {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using BlobDigest = build::bazel::remote::execution::v2::Digest;

using TakeDigest = std::function<absl::Status(const NamedDigest&)>;

// By the name of the field that has the digest.
ReferenceForm FormOf(std::string_view field) {
  if (field == "context_root" || field == "tree" || field == "directory") return ReferenceForm::kTree;
  if (field == "image_root" || field == "image_manifest") return ReferenceForm::kImage;
  return ReferenceForm::kBytes;
}

// Of a difference of two files: what each of them had.
bool IsContent(std::string_view field) { return field == "first" || field == "second"; }

// "manifest_digest", "image_digest", "index_digest".
bool IsImageText(std::string_view field) { return field.ends_with("_digest"); }

absl::Status TakeMessage(const FieldDescriptor& field, const Message& message, const TakeDigest& take) {
  if (field.message_type() != BlobDigest::descriptor()) return ForEachDigest(message, take);
  const Digest digest = FromProto(static_cast<const BlobDigest&>(message));
  if (!IsSha256Hex(digest.hash) || IsContent(field.name())) return absl::OkStatus();
  return take({digest, FormOf(field.name())});
}

absl::Status TakeText(std::string_view text, const TakeDigest& take) {
  const auto hash = HashOfOci(text);
  if (!hash.ok() || !IsSha256Hex(*hash)) return absl::OkStatus();
  return take({Digest{*hash, kUnknownSize}, ReferenceForm::kImage});
}

}  // namespace

absl::Status ForEachDigest(const Message& message, const TakeDigest& take) {
  const google::protobuf::Reflection& values = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  values.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int size = field->is_repeated() ? values.FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        RETURN_IF_ERROR(TakeMessage(*field,
                                    field->is_repeated() ? values.GetRepeatedMessage(message, field, i)
                                                         : values.GetMessage(message, field),
                                    take));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && IsImageText(field->name())) {
        RETURN_IF_ERROR(TakeText(field->is_repeated() ? values.GetRepeatedString(message, field, i)
                                                      : values.GetString(message, field),
                                 take));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::storage
