package main

import (
	"fmt"
	"os"
)

func main() {
	table := map[string]int{}
	for n := 0; n < 20000; n++ {
		table[fmt.Sprintf("key%d", n)] = n
	}
	out, _ := os.Create("/table.txt")
	for key, value := range table {
		fmt.Fprintln(out, key, value)
	}
}
