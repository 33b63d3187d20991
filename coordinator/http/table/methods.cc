#include "coordinator/http/table/methods.h"

#include <algorithm>

#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/notices_service.pb.h"

namespace crossmill::coordinator::door {
namespace {

using google::protobuf::FieldDescriptor;

// Descriptors of services are registered by generated files to which nothing else refers.
[[gnu::used]] const void* const kServices[] = {&descriptor_table_crossmill_2fv1_2fclient_5fservice_2eproto,
                                               &descriptor_table_crossmill_2fv1_2fnotices_5fservice_2eproto};

}  // namespace

const google::protobuf::MethodDescriptor* FindMethod(std::string_view method) {
  std::string name(method);
  std::replace(name.begin(), name.end(), '/', '.');
  return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
}

const google::protobuf::Descriptor* RequestOf(const Route& route) {
  const google::protobuf::MethodDescriptor* method = FindMethod(route.method);
  if (method == nullptr) return nullptr;
  return route.form == Form::kFiles ? v1::SubmitFilesRequest::descriptor() : method->input_type();
}

std::vector<std::string> PathParameters(std::string_view path) {
  std::vector<std::string> names;
  size_t end = 0;
  for (size_t begin = path.find('{'); begin != std::string_view::npos; begin = path.find('{', end)) {
    end = path.find('}', begin);
    names.emplace_back(path.substr(begin + 1, end - begin - 1));
  }
  return names;
}

bool IsQueryField(const Route& route, const FieldDescriptor& field) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
      (field.is_repeated() || field.message_type() != v1::Platform::descriptor())) {
    return false;
  }
  // A badge is one picture, and feeds are read from the newest on.
  if (IsBadge(route.form) && field.name().starts_with("page_")) return false;
  if (route.form == Form::kFeed && field.name() == "page_token") return false;
  // How a stream is followed, and from where, is the form's.
  if (route.form == Form::kLogEvents && field.name() == "follow") return false;
  if (route.form == Form::kEvents && field.name() == "together") return false;
  if (route.verb != "GET" && field.name() == "idempotency_key") return false;
  return true;
}

}  // namespace crossmill::coordinator::door
