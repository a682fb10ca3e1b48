// Bounds of a backup's file, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::app {

// What is encrypted, and kept in memory, at once.
inline constexpr size_t backup_block_bytes = 1u << 20;
// The largest block: a record of more than a block's size goes alone (store/limits.h: 1 MiB and a
// key), in its frame.
inline constexpr size_t backup_box_bytes_max = 3u << 20;
// scrypt, RFC 7914: 128 * N * r = 64 MiB and some 0.2 s for each guess.
inline constexpr uint8_t backup_scrypt_log2_n = 16;
inline constexpr uint8_t backup_scrypt_r = 8;
inline constexpr uint8_t backup_scrypt_p = 1;
// A file from elsewhere must not cost more than this to refuse: 1 GiB.
inline constexpr uint8_t backup_scrypt_log2_n_max = 20;
inline constexpr size_t backup_passphrase_bytes_min = 8;
inline constexpr size_t backup_passphrase_bytes_max = 1'024;
// Files of the data directory: certificates and keys.
inline constexpr size_t backup_file_bytes_max = 256u << 10;
inline constexpr size_t backup_files_max = 4'096;

}  // namespace tandem::app
