package main

// expectedCopies are the bytes that n bytes of payload cost the sender.
func expectedCopies(strategy, sink string, n int64) want {
	w := want{
		"sender.copies.to_user": 0, "sender.copies.from_user": 0, "sender.copies.in_kernel": 0,
		"sender.copies.user_space": 0, "sender.moved.page_refs": 0, "sender.moved.cloned": 0,
	}
	fromBuffer := func() {
		if sink != "null" { // which takes what it is given without a look
			w["sender.copies.from_user"] = n
		}
	}
	byReference := func() {
		if sink == "file" { // page cache to page cache
			w["sender.copies.in_kernel"] = n
		} else {
			w["sender.moved.page_refs"] += n
		}
	}
	switch strategy {
	case "read-write", "readv-writev":
		w["sender.copies.to_user"] = n
		fromBuffer()
	case "mmap-write":
		fromBuffer()
	case "sendfile":
		byReference()
	case "splice":
		w["sender.moved.page_refs"] = n // into its own pipe: a call for each hop
		byReference()
	}
	return w
}
