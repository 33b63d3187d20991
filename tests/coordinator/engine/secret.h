// A secret as a client offers it.
#pragma once

#include <string>

#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

inline v1::Secret Secret(const std::string& id, const std::string& value) {
  v1::Secret secret;
  secret.set_id(id);
  secret.set_value(value);
  return secret;
}

}  // namespace crossmill::coordinator
