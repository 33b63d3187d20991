import java.io.FileOutputStream;
import java.util.Properties;

public class Store {
    public static void main(String[] words) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("commit.id", "0123456789abcdef");
        properties.store(new FileOutputStream("/git.properties"), "Generated");
    }
}
