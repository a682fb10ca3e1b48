// Bounds of entity documents, each with its reason.
#pragma once

#include <cstddef>

namespace tandem::model {

// The largest entity (a CDR of 64 legs) takes about 200 KiB; a store transaction takes 1 MiB.
inline constexpr size_t document_bytes_max = 512 * 1024;
// Our deepest schema has 6 levels; the rest is for unknown fields of newer versions.
inline constexpr size_t document_depth_max = 16;
// Fields of one object. The generator refuses a schema with more.
inline constexpr size_t object_fields_max = 48;
// An error message repeats at most this much of what was sent.
inline constexpr size_t quoted_bytes_max = 40;
// No stored password digest is longer: three digests of up to 32 bytes and the box around them.
inline constexpr size_t password_bytes_max = 128;
// Characters that a mask of numbers has to fit: as many as a number may have.
inline constexpr size_t mask_elements_max = 32;

}  // namespace tandem::model
