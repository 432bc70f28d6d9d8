module github.com/zctrace/zctrace

go 1.25.0
