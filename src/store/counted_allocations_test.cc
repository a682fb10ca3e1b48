// Counts what the test program takes, with the allocator's own rounding where it can be asked. In a
// file of its own: where the compiler sees both these and a deleted object, it takes malloc() and
// delete for a mismatch.
#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

extern size_t bytes_allocated;
extern size_t allocations;
size_t bytes_allocated = 0;
size_t allocations = 0;

namespace {
// glibc: a header of 8 bytes, sizes in steps of 16, at least 32.
size_t rounded(size_t size) {
    return std::max<size_t>(32, (size + 8 + 15) / 16 * 16);
}
}  // namespace

void* operator new(size_t size) {
    void* memory = std::malloc(size);
    if (memory == nullptr) std::abort();
    bytes_allocated += rounded(size);
    ++allocations;
    return memory;
}
void operator delete(void* memory) noexcept {
    if (memory != nullptr) bytes_allocated -= rounded(malloc_usable_size(memory));
    std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
    operator delete(memory);
}
