// The OpenAPI 3.1 document of the routes: from the table of routes and the descriptors of the messages, so
// that it says what the door does. Pure.
#pragma once

#include "common/base/json.h"

namespace crossmill::coordinator::door {

// Schemas have the names of messages without their package; those with "Input" behind it are what requests
// hold, where every field may be left out.
Json OpenApiDocument();

}  // namespace crossmill::coordinator::door
