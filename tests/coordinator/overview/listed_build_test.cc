#include "coordinator/overview/listed_build.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

namespace crossmill::overview {
namespace {

// Something in every field, so that one that is added later is not forgotten.
void Fill(google::protobuf::Message* message, int depth) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& fields = *message->GetReflection();
  for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
    const Field* field = message->GetDescriptor()->field(i);
    if (field->is_map() || field->real_containing_oneof() != nullptr) continue;
    if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      if (depth == 0) continue;
      Fill(field->is_repeated() ? fields.AddMessage(message, field) : fields.MutableMessage(message, field),
           depth - 1);
    } else if (field->cpp_type() == Field::CPPTYPE_STRING) {
      if (field->is_repeated()) fields.AddString(message, field, "text");
      if (!field->is_repeated()) fields.SetString(message, field, "text");
    } else if (field->cpp_type() == Field::CPPTYPE_INT64 && !field->is_repeated()) {
      fields.SetInt64(message, field, 7);
    }
  }
}

TEST(HeadlineOf, IsWhatKeepHeadlineLeaves) {
  v1::BuildView view;
  Fill(&view, 4);
  ASSERT_GT(view.stages_size(), 0);
  ASSERT_GT(view.cells_size(), 0);
  v1::BuildView kept = view;
  KeepHeadline(&kept);
  const v1::BuildView head = HeadlineOf(view);
  EXPECT_EQ(head.stages_size(), 0);
  EXPECT_EQ(head.SerializeAsString(), kept.SerializeAsString());
}

}  // namespace
}  // namespace crossmill::overview
