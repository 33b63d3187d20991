#include "common/plan/parsed_size.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace crossmill::plan {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

// An object on the heap, with the pointer that a repeated field has to it.
constexpr int64_t kMessage = 120;
constexpr int64_t kString = 72;
constexpr int64_t kScalar = 32;
// Deeper than any message that is counted here.
constexpr int kDeepest = 16;

class Counter {
 public:
  Counter(std::string_view bytes, int64_t most)
      : input_(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size())), most_(most) {}

  // Up to the end of what it is in. False: it is no message.
  bool Count(const Descriptor* type, int depth) {
    size_ += kMessage;
    while (size_ < most_) {
      const uint32_t tag = input_.ReadTag();
      if (tag == 0) return input_.ConsumedEntireMessage();
      if (!CountField(tag, type, depth)) return false;
    }
    return true;
  }
  int64_t size() const { return size_; }

 private:
  bool CountField(uint32_t tag, const Descriptor* type, int depth) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      size_ += kScalar;
      return WireFormatLite::SkipField(&input_, tag);
    }
    int length = 0;
    if (!input_.ReadVarintSizeAsInt(&length)) return false;
    const FieldDescriptor* field = type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (field == nullptr || field->type() != FieldDescriptor::TYPE_MESSAGE || depth == kDeepest) {
      // Also unknown fields, and packed numbers, which take eight bytes for one at most.
      size_ += kString + (field != nullptr && field->is_packable() ? int64_t{8} * length : length);
      return input_.Skip(length);
    }
    const auto limit = input_.PushLimit(length);
    const bool counted = Count(field->message_type(), depth + 1);
    input_.PopLimit(limit);
    return counted;
  }

  google::protobuf::io::CodedInputStream input_;
  const int64_t most_;
  int64_t size_ = 0;
};

}  // namespace

absl::StatusOr<int64_t> ParsedSize(std::string_view bytes, const Descriptor& type, int64_t most) {
  Counter counter(bytes, most);
  if (!counter.Count(&type, 0)) return absl::InvalidArgumentError("the bytes are no message");
  return counter.size();
}

}  // namespace crossmill::plan
