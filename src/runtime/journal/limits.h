// Bounds of the journal, each with its reason.
#pragma once

#include <cstddef>

namespace tandem::runtime {

// Lines waiting for the disk: a second of a node that logs every call twice at 1000 calls/s, and
// room for a slow moment. Above it new lines are dropped and counted: a log must not stop a call.
inline constexpr size_t journal_lines_max = 8'192;
// One line; longer texts are cut.
inline constexpr size_t journal_text_bytes_max = 4'096;
// Files of the journal: 10 of 50 MiB, so that a flood cannot fill a disk of 40 GB.
inline constexpr size_t journal_file_bytes_max = 50u << 20;
inline constexpr size_t journal_files_max = 10;
// RFC 768: what one UDP datagram carries; larger SIP messages are cut in HEP copies.
inline constexpr size_t hep_packet_bytes_max = 65'000;

}  // namespace tandem::runtime
