#include "common/compare/formats/differences.h"

#include "common/base/utf8.h"

namespace crossmill::compare {

absl::Status Differences::Spend(int64_t bytes) {
  if (bytes > bytes_left_) {
    bytes_left_ = 0;
    SetIncomplete();
    return absl::ResourceExhaustedError("the file is larger than what is compared of one");
  }
  bytes_left_ -= bytes;
  return absl::OkStatus();
}

v1::ContentDifference* Differences::Add(std::string_view place, std::string_view first,
                                        std::string_view second, int64_t first_offset,
                                        int64_t second_offset) {
  if (full()) {
    SetIncomplete();
    return nullptr;
  }
  v1::ContentDifference* difference = file_->add_differences();
  for (const std::string& part : inside_) difference->add_inside(part);
  difference->set_place(ValidUtf8(place));
  difference->set_first(std::string(first.substr(0, kMostBytesTold)));
  difference->set_second(std::string(second.substr(0, kMostBytesTold)));
  if (parts_ != nullptr)
    parts_->pieces.push_back(
        {std::string(first.substr(0, kMostPieceBytes)), std::string(second.substr(0, kMostPieceBytes))});
  difference->set_first_offset(first_offset);
  difference->set_second_offset(second_offset);
  return difference;
}

v1::ContentDifference* Differences::AddOf(std::string_view cause, std::string_view place,
                                          std::string_view first, std::string_view second,
                                          int64_t first_offset, int64_t second_offset) {
  v1::ContentDifference* difference = Add(place, first, second, first_offset, second_offset);
  if (difference != nullptr && !cause.empty()) difference->mutable_cause()->set_class_(std::string(cause));
  return difference;
}

bool Differences::HasCause(int from, std::string_view cause) const {
  for (int i = from; i < count(); ++i) {
    const v1::ContentDifference& each = file_->differences(i);
    if (each.inside_size() == depth() && each.cause().class_() == cause) return true;
  }
  return false;
}

}  // namespace crossmill::compare
