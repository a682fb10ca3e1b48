// Bounds of the resolver, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tandem::runtime {

// Answers kept: the providers and peers of a large site, 1 KiB each at most.
inline constexpr size_t dns_cache_max = 10'000;
// Questions on their way; a storm of look-ups of ever new names must not exhaust sockets.
inline constexpr size_t dns_questions_max = 2'000;
// RFC 2308 5: what does not exist is known for as long as the zone's SOA says. Half a minute at
// most, so that records which an operator adds count soon.
inline constexpr uint32_t dns_absence_ttl_s = 30;
// RFC 2308 7.1: a failure may be remembered, at most five minutes; a second is enough to spare a
// dead server.
inline constexpr uint32_t dns_failure_ttl_s = 1;
inline constexpr uint32_t dns_ttl_max_s = 86'400;
// Whether /etc/resolv.conf or /etc/hosts have changed is looked at when somebody asks, at most so
// often.
inline constexpr std::chrono::seconds dns_files_every{5};

}  // namespace tandem::runtime
