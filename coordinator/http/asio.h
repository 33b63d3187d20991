// The parts of Boost.Asio that the sources of this folder share. Only sources that serve sockets include it:
// it takes a compiler seconds.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace crossmill::coordinator::door {

namespace asio = boost::asio;

// Operations give their error code and result, and throw nothing.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

template <typename T>
using Awaitable = asio::awaitable<T>;

}  // namespace crossmill::coordinator::door
