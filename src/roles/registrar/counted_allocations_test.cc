// Counts what the test program holds; blocks are counted as the allocator made them. In a file of
// its own: where the compiler sees both these and a deleted object, it takes malloc() and delete
// for a mismatch.
#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <new>

extern size_t live_bytes;
size_t live_bytes = 0;

void* operator new(size_t size) {
    void* block = std::malloc(size);
    if (!block) std::abort();
    live_bytes += malloc_usable_size(block) + 2 * sizeof(void*);
    return block;
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
    void* block = std::malloc(size);
    if (block) live_bytes += malloc_usable_size(block) + 2 * sizeof(void*);
    return block;
}
void operator delete(void* block) noexcept {
    if (!block) return;
    live_bytes -= malloc_usable_size(block) + 2 * sizeof(void*);
    std::free(block);
}
void operator delete(void* block, size_t) noexcept {
    operator delete(block);
}
